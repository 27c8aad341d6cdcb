"""When a session began and ended, read from the two cells of its row."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from livedash_core.errors import PermanentError
from livedash_core.parsing.dates import is_ambiguous, to_utc


class Times(NamedTuple):
    """When a session began and ended, in UTC."""

    started_at: datetime
    ended_at: datetime


#: A clock may be wrong, or in the zone where the day begins; no session begins tomorrow.
_AHEAD = timedelta(days=1)


def interpret(start_time: str | None, end_time: str | None, zone: ZoneInfo) -> Times:
    """Read a row's times. Raises ``PermanentError`` that names the cell."""
    started_at = _read("start_time", start_time, zone)
    ended_at = _read("end_time", end_time, zone)
    if ended_at < started_at:
        # In the hour that happens twice a session may seem to end before it began: it ended the second time round.
        ended_at = _read("end_time", end_time, zone, fold=1)
    if ended_at < started_at:
        raise PermanentError(f"end_time {end_time} is before start_time {start_time}")
    return Times(started_at, ended_at)


def peculiarities(times: Times, zone: ZoneInfo, now: datetime) -> dict[str, list[str]]:
    """Which cells were read although they may mean something else: shown twice by the clocks, or still to come."""
    cells = (("start_time", times.started_at), ("end_time", times.ended_at))
    found = {
        "ambiguous": [name for name, instant in cells if is_ambiguous(instant, zone)],
        "in_future": [name for name, instant in cells if instant > now + _AHEAD],
    }
    return {note: names for note, names in found.items() if names}


def _read(column: str, cell: str | None, zone: ZoneInfo, *, fold: Literal[0, 1] = 0) -> datetime:
    if cell is None:
        raise PermanentError(f"{column} is empty; correct the row in the company's CSV")
    try:
        return to_utc(cell, zone, fold=fold)
    except ValueError as error:
        raise PermanentError(f"{column}: {error}; correct the row in the company's CSV") from error

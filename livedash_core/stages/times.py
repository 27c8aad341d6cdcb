"""When a session began and ended, read from the two cells of its row."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from livedash_core.errors import PermanentError
from livedash_core.parsing.dates import to_utc


class Times(NamedTuple):
    """When a session began and ended, in UTC."""

    started_at: datetime
    ended_at: datetime


def interpret(start_time: str | None, end_time: str | None, zone: ZoneInfo) -> Times:
    """Read a row's times. Raises ``PermanentError`` that names the cell."""
    times = []
    for column, cell in (("start_time", start_time), ("end_time", end_time)):
        if cell is None:
            raise PermanentError(f"{column} is empty; correct the row in the company's CSV")
        try:
            times.append(to_utc(cell, zone))
        except ValueError as error:
            raise PermanentError(f"{column}: {error}; correct the row in the company's CSV") from error
    if times[1] < times[0]:
        raise PermanentError(f"end_time {end_time} is before start_time {start_time}")
    return Times(*times)

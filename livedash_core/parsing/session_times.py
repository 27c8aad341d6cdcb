"""Parses the start and end time of a session from its CSV row."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Literal, NamedTuple
from zoneinfo import ZoneInfo

from livedash_core.errors import PermanentError
from livedash_core.parsing.dates import is_ambiguous, names_an_instant, to_utc
from livedash_core.parsing.stamps import Order


class Times(NamedTuple):
    """Start and end of a session, in UTC."""

    started_at: datetime
    ended_at: datetime


#: Tolerance for wrong clocks and wrong time zones; a later time is in the future.
_AHEAD = timedelta(days=1)
#: Spreadsheets write a clock without a day as one in 1899 or 1900, and programs no time at all as 1970.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: Cached hours, a little more than a year's.
_HOURS = 10_000
_MINUTES_AND_SECONDS = frozenset(f":{minute:02}:{second:02}" for minute in range(60) for second in range(60))


def interpret(
    start_time: str | None, end_time: str | None, zone: ZoneInfo, notes: Mapping[str, Any] | None = None
) -> Times:
    """Parse a row's times. Of its ``notes``, ``date_order`` decides dates of which either number may be the day.

    Raises ``PermanentError`` that names the column.
    """
    order: Order | None = (notes or {}).get("date_order")
    started_at = _read("start_time", start_time, zone, order)
    ended_at = _read("end_time", end_time, zone, order)
    if ended_at < started_at:
        # In an hour that occurs twice the end may be in the second one.
        ended_at = _read("end_time", end_time, zone, order, fold=1)
    if ended_at < started_at:
        raise PermanentError(f"end_time {end_time} is before start_time {start_time}")
    if started_at < _EARLIEST:
        raise PermanentError(
            f"start_time {start_time} is before the year {_EARLIEST.year}: a clock without its day, or no time at all? "
            "Correct the row in the company's CSV"
        )
    return Times(started_at, ended_at)


def peculiarities(
    times: Times, zone: ZoneInfo, now: datetime, written: tuple[str | None, str | None] = (None, None)
) -> dict[str, list[str]]:
    """Return the columns with doubtful times, by kind: ``ambiguous`` (the hour occurs twice) and ``in_future``.

    ``written`` are the cells of the row: a time with an offset is not ambiguous.
    """
    cells = (("start_time", times.started_at, written[0]), ("end_time", times.ended_at, written[1]))
    found = {
        "ambiguous": [
            name for name, instant, cell in cells if is_ambiguous(instant, zone) and not names_an_instant(cell)
        ],
        "in_future": [name for name, instant, _ in cells if instant > now + _AHEAD],
    }
    return {note: names for note, names in found.items() if names}


class PlainTimes:
    """A fast path for the times of a whole file: rows without errors and notes.

    If the first and last second of an hour are 59:59 apart and both occur once, then so does every second between, and
    one lookup serves all its times. Hardly any hour is different.
    """

    def __init__(self, zone: ZoneInfo, now: datetime) -> None:
        self._zone = zone
        self._latest = now + _AHEAD
        self._hour = lru_cache(maxsize=_HOURS)(self._look_up)

    def of(self, start_time: str | None, end_time: str | None) -> tuple[str, str] | None:
        """Return the times of ``interpret`` in ISO 8601 with the zone's offset.

        Returns None if ``interpret`` may raise or ``peculiarities`` may find any.
        """
        started, ended = self._read(start_time), self._read(end_time)
        # With equal offsets, text sorts by time.
        if started is None or ended is None or started[19:] != ended[19:] or ended < started:
            return None
        return started, ended

    def _read(self, cell: str | None) -> str | None:
        if cell is None or (rest := cell[13:]) not in _MINUTES_AND_SECONDS or (hour := self._hour(cell[:13])) is None:
            return None
        return f"{hour[0]}{rest}{hour[1]}"

    def _look_up(self, hour: str) -> tuple[str, str] | None:
        """Return the text before and after minutes and seconds; None for an hour that is not plain."""
        try:
            first, last = to_utc(f"{hour}:00:00", self._zone), to_utc(f"{hour}:59:59", self._zone)
        except ValueError:
            return None
        is_plain = last - first == timedelta(minutes=59, seconds=59) and first >= _EARLIEST and last <= self._latest
        if not is_plain or is_ambiguous(first, self._zone) or is_ambiguous(last, self._zone):
            return None
        written = first.astimezone(self._zone).isoformat(" ")
        return written[:13], written[19:]


def _read(column: str, cell: str | None, zone: ZoneInfo, order: Order | None, *, fold: Literal[0, 1] = 0) -> datetime:
    if cell is None:
        raise PermanentError(f"{column} is empty; correct the row in the company's CSV")
    try:
        return to_utc(cell, zone, fold=fold, order=order)
    except ValueError as error:
        raise PermanentError(f"{column}: {error}; correct the row in the company's CSV") from error

"""Times whose day and clock are in two columns, or whose header says that they are in UTC.

A header proves it: it names a day's column beside a clock's (``start_date, start_time`` or ``date, start_time,
end_time``), or a time's column with its zone (``Start time (UTC)``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from livedash_core.parsing.csv_columns import COLUMNS, UTC_IN_NAME, Header, column_named, plain_name, words
from livedash_core.parsing.dates import names_an_instant
from livedash_core.parsing.written_times import read_time

#: Where times are in files without a header: an id, and day and clock of the start and the end.
_FIRST_COLUMNS = ("id", "day", "clock", "day", "clock")
_START, _END = COLUMNS.index("start_time"), COLUMNS.index("end_time")
#: Names of a column with days, as ``plain_name`` writes them.
_DAYS = words(
    "date datum day dag tag jour data dia fecha dato dzien paiva paeiva tarih datumen nap den chatdate sessiondate"
)
#: Names of a column with the clock of the start, where no other column is named as the start.
_CLOCKS = words("time uhrzeit zeit tijd tijdstip heure hora ora godzina tid klokkeslaet saat cas kello")
#: A spreadsheet's clock may have its first day in front.
_CLOCK = re.compile(
    r"(?:18991230|1899-12-3[01]|1900-01-0[01])?[T ]?(\d{1,2}[:.h]\d\d(?:[:.]\d\d(?:[.,]\d{1,9})?)?"
    r"(?: ?[ap]\.?m\.?)?(?: ?(?:Z|UTC|GMT|[+-]\d\d:?\d\d))?)",
    re.ASCII | re.IGNORECASE,
)
#: As C writes times.
_YEAR_LAST = re.compile(r"(\d\d:\d\d:\d\d) (\d{4})$")
#: A day may have its first second behind.
_MIDNIGHT = re.compile(r"[T ]0?0:00(?::00(?:[.,]0+)?)?$")


class TimeColumns(NamedTuple):
    """For the start and the end: the position of the cell, those of cells with its day or clock, and whether in UTC."""

    start: tuple[int, tuple[int, ...], bool]
    end: tuple[int, tuple[int, ...], bool]

    def whole(self, cells: Sequence[str]) -> list[str]:
        """Return ``cells`` with day and clock together in one cell, and with UTC behind times that are in it."""
        found = list(cells)
        for place, others, is_utc in self:
            if place >= len(cells):
                continue
            time = _whole(cells[place].strip(), [cells[other].strip() for other in others if other < len(cells)])
            if is_utc and read_time(time) and not names_an_instant(time):
                time = _YEAR_LAST.sub(r"\1 UTC \2", time) if _YEAR_LAST.search(time) else f"{time} UTC"
            found[place] = time
        return found


def with_clocks(header: Header) -> Header:
    """Return a header in which ``time`` is the start's column, if a day's column stands beside it and none is named."""
    if _START in header.slots or not any(plain_name(name) in _DAYS for name in header.names):
        return header
    clocks = [place for place, name in enumerate(header.names) if plain_name(name) in _CLOCKS]
    if len(clocks) != 1:
        return header
    return header._replace(
        slots=tuple(_START if place == clocks[0] else slot for place, slot in enumerate(header.slots))
    )


def time_columns(header: Header | None, slots: Sequence[int | None]) -> TimeColumns | None:
    """Return where a header's times are, if day and clock are apart or in UTC; None for times in one cell."""
    if header is None or _START not in slots or _END not in slots:
        return None
    if not (header.is_in_place or tuple(slots) == header.slots[: len(slots)]):
        return None  # the names are not those of these columns
    slots = [*slots, *[None] * (len(header.names) - len(slots))]
    days = [place for place, name in enumerate(header.names) if plain_name(name) in _DAYS]
    start, end = (_column(header, slots, column, days) for column in (_START, _END))
    return TimeColumns(start, end) if start[1] or end[1] or start[2] or end[2] else None


def are_apart(cells: Sequence[str]) -> bool:
    """Return whether a day and a clock are neighbours among the first cells of a record."""
    return any(_together(day.strip(), clock.strip()) for day, clock in pairwise(cells[: len(_FIRST_COLUMNS)]))


def _column(
    header: Header, slots: Sequence[int | None], column: int, days: list[int]
) -> tuple[int, tuple[int, ...], bool]:
    place = slots.index(column)
    others = [
        other
        for other, name in enumerate(header.names)
        if slots[other] is None and (found := column_named(name)) is not None and found[0] == column
    ]
    days = [day for day in days if slots[day] is None]
    return place, (*others, *days), UTC_IN_NAME.search(header.names[place]) is not None


def _whole(cell: str, others: list[str]) -> str:
    for day, clock in ((other, cell) for other in others):
        if together := _together(day, clock) or _together(clock, day):
            return together
    return cell


def _together(day: str, clock: str) -> str | None:
    if not (found := _CLOCK.fullmatch(clock)):
        return None
    together = f"{_MIDNIGHT.sub('', day)} {found[1]}"
    return together if read_time(together) else None

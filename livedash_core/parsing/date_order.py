"""Finds out which number of a date like 03/04/2026 is the day, from all times of a file; never from one alone.

A spreadsheet that takes days for months turns 12/01 into 1 December and leaves 13/01 as text. So the dates of a file
decide only if they are all written alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from livedash_core.parsing.stamps import Order

_NUMERIC = re.compile(r"[\s\"']*([0-9]{1,2})([/-])([0-9]{1,2})\2([0-9]{4}|[0-9]{2})(?![0-9])(.*)", re.DOTALL)
_HALF = re.compile(r"[ap]\.?\s?m", re.IGNORECASE)
_LAST_MONTH = 12
#: Years that are written with two digits. A number beyond them is none, so that the year does not come first.
_SHORT_YEARS = range(15, 40)
#: A file without such dates in its first rows has none.
_FIRST_ROWS = 200


class _Style(NamedTuple):
    """How a date is written: separator, digits of the year, colons, and AM or PM."""

    separator: str
    year_digits: int
    colons: int
    has_half: bool


def needs_order(cell: str | None) -> bool:
    """Return whether either number of a date may be the day, or, with a year of two digits, the year."""
    match = _NUMERIC.match(cell or "")
    if match is None:
        return False
    first, second = int(match[1]), int(match[3])
    return len(match[4]) == len("26") or (first <= _LAST_MONTH and second <= _LAST_MONTH and first != second)


class DateOrder:
    """The order of day and month in the times of a file.

    ``decided_by`` counts the dates that have only one meaning, ``undecided`` those that need the order. ``order`` is
    None if nothing decides, or if dates contradict each other. ``known`` is that of the file's version before: a
    shorter export may have no day after the twelfth. ``chosen`` is the company's setting, which comes before it.
    """

    def __init__(self, known: Order | None = None, chosen: Order | None = None) -> None:
        self._chosen = chosen
        self.decided_by = self.undecided = 0
        self._known = known
        self._found: dict[_Style, set[Order]] = {}
        self._without_year_first: set[_Style] = set()
        self._digits: dict[tuple[_Style, int], set[bool]] = {}

    def add(self, cell: str | None) -> None:
        """Take a time into account."""
        match = _NUMERIC.match(cell or "")
        if match is None:
            return
        first, second = int(match[1]), int(match[3])
        style = _Style(match[2], len(match[4]), match[5].count(":"), _HALF.search(match[5]) is not None)
        found = self._found.setdefault(style, set())
        for place, digits in ((0, match[1]), (1, match[3])):
            if int(digits) < 10:
                self._digits.setdefault((style, place), set()).add(len(digits) == 1)
        if first not in _SHORT_YEARS:
            self._without_year_first.add(style)
        if first > _LAST_MONTH:
            found.add("day first")
        if second > _LAST_MONTH:
            found.add("month first")
        self.decided_by += first > _LAST_MONTH or second > _LAST_MONTH
        self.undecided += needs_order(cell)

    @property
    def is_chosen(self) -> bool:
        """Whether the order is that of the company's settings."""
        return self._chosen is not None and self.order is not None and not any(self._found.values())

    @property
    def is_known_from_before(self) -> bool:
        """Whether the order is that of the version before."""
        return self.order is not None and not self.is_chosen and not any(self._found.values())

    @property
    def order(self) -> Order | None:
        """Which number comes first."""
        if any(len(ways) > 1 for ways in self._digits.values()):
            return None  # 1/12 and 01/12: two programs wrote these dates
        if any(style.year_digits == len("26") for style in self._found.keys() - self._without_year_first):
            return None
        found = list(self._found.values())
        if not any(found):
            return self._chosen or self._known
        return next(iter(found[0])) if len(found[0]) == 1 and all(each == found[0] for each in found) else None


def order_of_dates(
    times: Iterable[tuple[str | None, str | None]], known: Order | None = None, chosen: Order | None = None
) -> DateOrder:
    """Look at the start and end of every row of a file that has such dates in its first rows.

    ``times`` must be an iterable that can be iterated twice, as a file's reader is.
    """
    dates = DateOrder(known, chosen)
    if any(_NUMERIC.match(cell or "") for each in islice(iter(times), _FIRST_ROWS) for cell in each):
        for each in times:
            for cell in each:
                dates.add(cell)
    return dates

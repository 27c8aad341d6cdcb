"""Periods of days (UTC): presets, the comparable period before, the steps of a chart, and whole months. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from itertools import zip_longest
from math import ceil
from typing import Literal, NamedTuple, get_args

#: What a reader can choose instead of two days. month: from the first of the month on.
Preset = Literal["7", "30", "90", "month"]
PRESETS: tuple[Preset, ...] = get_args(Preset)
DEFAULT_PRESET: Preset = "30"
#: A shorter period is read day by day: that reads as few rows as its months and days would.
_MIN_DAYS_FOR_MONTHS = 62

#: What a chart has a column for.
Unit = Literal["day", "week", "month"]
#: The longest periods with a column for each day and each week: more would be too narrow to read and to hit.
_MAX_DAYS: dict[Unit, int] = {"day": 45, "week": 53 * 7}
_STEPS = {"day": timedelta(days=1), "week": timedelta(weeks=1)}

#: In a longer period fewer candidates are read.
_MAX_DAYS_OF_ALL_CANDIDATES = 92


class Period(NamedTuple):
    """The days (UTC) on which sessions started, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    @property
    def each_day(self) -> list[date]:
        """The days, from the first to the last."""
        return [self.first + timedelta(days=number) for number in range(self.days)]

    @property
    def unit(self) -> Unit:
        """What a chart of the period has a column for."""
        return next((unit for unit, most in _MAX_DAYS.items() if self.days <= most), "month")

    @property
    def steps(self) -> list[Period]:
        """The days, the weeks from the first day on, or the calendar months of the period, as its ``unit`` says.

        A week at the end and months at both ends may be cut short.
        """
        unit, steps, first = self.unit, [], self.first
        while first <= self.last:
            following = _next_month(first) if unit == "month" else first + _STEPS[unit]
            steps.append(Period(first, min(following - timedelta(days=1), self.last)))
            first = following
        return steps

    @property
    def before(self) -> Period:
        """The comparable period: as many days, on the same weekdays, as late as possible before this one.

        A month of 30 days begins and ends on other weekdays than the 30 days before it, so these would compare four
        weekends with five.
        """
        shift = timedelta(days=7 * ceil(self.days / 7))
        return Period(self.first - shift, self.last - shift)


class Split(NamedTuple):
    """A period as whole months (their first days) and the days before and after them."""

    months: tuple[date, ...]
    days: tuple[Period, ...]


def per_step(period: Period, numbers: Mapping[date, int]) -> dict[Period, int]:
    """Add up the numbers of days in each of the period's steps."""
    return {step: sum(numbers.get(day, 0) for day in step.each_day) for step in period.steps}


def candidates(most: int, period: Period, limit: int) -> int:
    """How many of those with the most sessions overall to read in order to find the ``limit`` ones of a period.

    ``most`` for a short period. The longer it is, the more it resembles all days, and the more days each candidate has:
    half as many, but at least ``limit``.
    """
    return most if period.days <= _MAX_DAYS_OF_ALL_CANDIDATES else max(most // 2, min(limit, most))


def preset_period(preset: Preset, last: date) -> Period:
    """The period of a preset that ends on ``last``."""
    first = last.replace(day=1) if preset == "month" else last - timedelta(days=int(preset) - 1)
    return Period(first, last)


def split(period: Period) -> Split:
    """Split a period into whole months and the remaining days; a short one has no months."""
    months = []
    month = period.first if period.first.day == 1 else _next_month(period.first)
    while (following := _next_month(month)) - timedelta(days=1) <= period.last:
        months.append(month)
        month = following
    if not months or period.days < _MIN_DAYS_FOR_MONTHS:
        return Split((), (period,))
    ends = Period(period.first, months[0] - timedelta(days=1)), Period(month, period.last)
    return Split(tuple(months), tuple(end for end in ends if end.first <= end.last))


def range_parameters(period: Period) -> dict[str, date | None]:
    """The whole months of a period and the days before and after them, as parameters of SQL.

    ``first_month`` and ``last_month``, ``first_before`` and ``last_before``, ``first_after`` and ``last_after``; both
    None for a range that does not exist: BETWEEN NULL AND NULL is true of no row.
    """
    parts = split(period)
    days = dict(zip_longest(("before", "after"), parts.days))
    return {
        "first_month": parts.months[0] if parts.months else None,
        "last_month": parts.months[-1] if parts.months else None,
        **{f"first_{end}": found.first if found else None for end, found in days.items()},
        **{f"last_{end}": found.last if found else None for end, found in days.items()},
    }


def _next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)

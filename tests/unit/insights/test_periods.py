"""Periods: the presets, the comparable one before, and the months inside."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.insights.buckets import DURATION_BOUNDS, quantile
from livedash_core.insights.periods import Period, candidates, preset_period, range_parameters, split
from livedash_core.insights.report import partial_periods

DAYS = st.dates(date(2000, 1, 1), date(2040, 1, 1))
PERIODS = st.builds(lambda first, days: Period(first, first + timedelta(days=days)), DAYS, st.integers(0, 1500))


@given(PERIODS)
def test_the_period_before_has_as_many_days_on_the_same_weekdays_and_does_not_overlap(period: Period) -> None:
    before = period.before
    assert before.days == period.days
    assert before.first.weekday() == period.first.weekday()
    assert before.last < period.first
    assert (period.first - before.last).days <= 7


@given(PERIODS)
def test_months_and_days_together_are_the_period(period: Period) -> None:
    parts = split(period)
    covered = [day for days in parts.days for day in _days(days)]
    for month in parts.months:
        following = (month + timedelta(days=32)).replace(day=1)
        covered += _days(Period(month, following - timedelta(days=1)))
    assert sorted(covered) == _days(period)
    assert sum(days.days for days in parts.days) <= 61 or not parts.months


@given(PERIODS)
def test_the_parameters_of_ranges_name_each_day_once(period: Period) -> None:
    ranges = range_parameters(period)
    covered: list[date] = []
    for end in ("before", "after"):
        first, last = ranges[f"first_{end}"], ranges[f"last_{end}"]
        assert (first is None) == (last is None)
        covered += _days(Period(first, last)) if first and last else []
    first, last = ranges["first_month"], ranges["last_month"]
    if first and last:
        following = (last + timedelta(days=32)).replace(day=1)
        covered += _days(Period(first, following - timedelta(days=1)))
    assert sorted(covered) == _days(period)


@pytest.mark.parametrize(
    ("days", "limit", "number"), [(30, 15, 60), (92, 15, 60), (93, 15, 30), (365, 50, 50), (365, 500, 60)]
)
def test_a_long_period_has_fewer_candidates_but_as_many_as_are_shown(days: int, limit: int, number: int) -> None:
    period = Period(date(2026, 1, 1), date(2026, 1, 1) + timedelta(days=days - 1))
    assert candidates(60, period, limit) == number


def _days(period: Period) -> list[date]:
    return [period.first + timedelta(days=number) for number in range(period.days)]


def test_presets_end_on_the_given_day() -> None:
    last = date(2026, 3, 31)
    assert preset_period("7", last) == Period(date(2026, 3, 25), last)
    assert preset_period("90", last).days == 90
    assert preset_period("month", last) == Period(date(2026, 3, 1), last)
    assert preset_period("month", date(2026, 3, 1)).days == 1


WEEK = Period(date(2026, 3, 9), date(2026, 3, 15))


@pytest.mark.parametrize(
    ("days", "today", "said"),
    [
        ((date(2026, 1, 1), date(2026, 3, 20)), date(2026, 3, 20), []),
        ((date(2026, 1, 1), date(2026, 3, 15)), date(2026, 3, 15), ["Today is not over."]),
        ((date(2026, 1, 1), date(2026, 3, 12)), date(2026, 3, 12), ["The days after 2026-03-12 have not come yet."]),
        ((date(2026, 1, 1), date(2026, 3, 11)), date(2026, 3, 20), ["No session has started since 2026-03-11."]),
        (
            (date(2026, 3, 9), date(2026, 3, 15)),
            date(2026, 3, 20),
            ["The first session started on 2026-03-09, so there is nothing to compare with."],
        ),
        (
            (date(2026, 3, 4), date(2026, 3, 15)),
            date(2026, 3, 20),
            ["The first session started on 2026-03-04, so the period before is incomplete."],
        ),
        (None, date(2026, 3, 20), []),
    ],
)
def test_what_is_incomplete_is_said(days: tuple[date, date] | None, today: date, said: list[str]) -> None:
    assert list(partial_periods(WEEK, days, today)) == said


def test_a_quantile_is_within_its_bucket() -> None:
    assert quantile({}, DURATION_BOUNDS, 0.5) is None
    assert quantile({"1": 0}, DURATION_BOUNDS, 0.5) is None
    assert quantile({"1": 10}, DURATION_BOUNDS, 0.5) == 7.5
    assert quantile({"1": 1, "17": 9}, DURATION_BOUNDS, 0.5) == 7200
    assert quantile({"2": 5, "3": 5}, DURATION_BOUNDS, 0.5) == 30

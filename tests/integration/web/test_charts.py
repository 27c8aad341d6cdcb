"""Stacked bars and columns: complete, and with small numbers visible."""

from __future__ import annotations

import re
from datetime import date, timedelta
from itertools import pairwise

import pytest

from livedash_core.insights.periods import Period, per_step
from livedash_core.web.charts import MIN_PERCENT, bars, columns, sparkline, stacked, ticks

FIRST = date(2026, 1, 1)


@pytest.mark.parametrize("counts", [(109, 0, 0), (104, 3, 2), (1, 1_000_000, 1), (1, 1, 1), (0, 0, 5)])
def test_segments_are_adjacent_and_fill_the_bar(counts: tuple[int, ...]) -> None:
    segments = stacked({str(position): count for position, count in enumerate(counts)})

    assert [segment.key for segment in segments] == [str(position) for position, count in enumerate(counts) if count]
    end = 0.0
    for segment in segments:
        assert segment.start == pytest.approx(end, abs=0.01)
        end = segment.start + segment.width
    assert end == pytest.approx(100, abs=0.01)


def test_one_failure_in_a_million_is_visible() -> None:
    failed = stacked({"completed": 999_999, "failed": 1})[1]

    assert failed.width == pytest.approx(MIN_PERCENT, rel=0.05)


def test_without_sessions_there_is_no_segment() -> None:
    assert stacked({"completed": 0, "failed": 0}) == []


def test_columns_are_adjacent_and_each_number_above_zero_is_visible() -> None:
    zero, small, highest = columns([0, 1, 1_000_000])

    assert (zero.height, small.height, highest.height) == (0, 2, 100)
    assert all(column.y + column.height == 100 for column in (zero, small, highest))
    assert zero.x + zero.width < small.x
    assert small.x + small.width < highest.x
    assert columns([]) == []
    assert [column.height for column in columns([0, 0])] == [0, 0]


@pytest.mark.parametrize(
    ("highest", "numbers"),
    [
        (0, [0, 1]),
        (1, [0, 1]),
        (3, [0, 1, 2, 3]),
        (9, [0, 5, 10]),
        (10, [0, 5, 10]),
        (101, [0, 50, 100, 150]),
        (999_999, [0, 500_000, 1_000_000]),
    ],
)
def test_ticks_are_round_and_reach_above_the_highest_number(highest: int, numbers: list[int]) -> None:
    found = ticks(highest)
    assert [tick.number for tick in found] == numbers
    assert (found[0].y, found[-1].y) == (100, 0)


def test_the_lines_are_the_columns_of_the_numbers_without_zeros() -> None:
    numbers = [0, 3, 0, 1_000_000, 500_000]
    drawn = sparkline(numbers)
    lines = re.findall(r"M([\d.]+) 100V([\d.]+)", drawn.path)
    assert [(float(x) - drawn.width / 2, float(y), drawn.width) for x, y in lines] == [
        (column.x, column.y, column.width) for column in columns(numbers) if column.height
    ]
    assert sparkline([]).path == sparkline([0, 0]).path == ""


@pytest.mark.parametrize(
    ("days", "unit", "number"),
    [
        (1, "day", 1),
        (45, "day", 45),
        (46, "week", 7),
        (366, "week", 53),
        (371, "week", 53),
        (372, "month", 13),
        (1827, "month", 61),
    ],
)
def test_the_bars_of_any_period_are_wide_enough_to_read(days: int, unit: str, number: int) -> None:
    period = Period(FIRST, FIRST + timedelta(days=days - 1))
    found = bars(per_step(period, dict.fromkeys(period.each_day, 1)))
    assert (period.unit, len(found)) == (unit, number)
    assert [bar.sessions for bar in found] == [(bar.last - bar.first).days + 1 for bar in found]
    assert (found[0].first, found[-1].last) == period
    assert all(bar.last + timedelta(days=1) == following.first for bar, following in pairwise(found))


def test_bars_stay_inside_the_frame_and_a_long_period_has_one_per_week() -> None:
    per_day = {FIRST + timedelta(days=number): number for number in range(90)}
    weeks = bars(per_step(Period(FIRST, max(per_day)), per_day))
    assert [(bar.first, bar.last) for bar in weeks[-2:]] == [
        (date(2026, 3, 19), date(2026, 3, 25)),
        (date(2026, 3, 26), date(2026, 3, 31)),
    ]
    assert sum(bar.sessions for bar in weeks) == sum(per_day.values())
    days = bars(per_step(Period(FIRST, FIRST + timedelta(days=29)), per_day))
    assert [bar.sessions for bar in days] == list(range(30))
    for bar in (*weeks, *days):
        assert bar.column.x >= 0
        assert bar.column.x + bar.column.width <= 100
        assert bar.column.y >= 0
    assert bars({}) == []


def test_the_months_of_a_period_are_those_of_the_calendar() -> None:
    steps = Period(date(2024, 12, 31), date(2026, 2, 10)).steps
    assert steps[:3] == [
        (date(2024, 12, 31), date(2024, 12, 31)),
        (date(2025, 1, 1), date(2025, 1, 31)),
        (date(2025, 2, 1), date(2025, 2, 28)),
    ]
    assert steps[-1] == (date(2026, 2, 1), date(2026, 2, 10))

"""Stacked bars and columns: complete, and with small numbers visible."""

from __future__ import annotations

import pytest

from livedash_core.web.charts import MIN_PERCENT, columns, stacked


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

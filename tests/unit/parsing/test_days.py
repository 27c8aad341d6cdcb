"""One parser for days and one definition of a window of days serve the pages, the forms and the command line."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from livedash_core.errors import UsageError
from livedash_core.parsing.days import day_window, parse_day

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 3)


def test_an_iso_date_is_a_day() -> None:
    assert parse_day("2026-03-02") == FIRST


@pytest.mark.parametrize("text", ["", "yesterday", "02.03.2026", "2026-02-30", "2026-03-02T12:00", "x" * 10_000])
def test_other_text_is_refused_with_a_short_quote(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a day like 2026-03-31$") as raised:
        parse_day(text)
    assert len(str(raised.value)) < 100


@pytest.mark.parametrize(("text", "allowed"), [("2026-03-01", False), ("2026-03-02", True), ("2026-03-04", False)])
def test_a_day_outside_the_bounds_is_refused(text: str, allowed: bool) -> None:
    if allowed:
        assert parse_day(text, earliest=FIRST, latest=LAST) == date.fromisoformat(text)
    else:
        with pytest.raises(UsageError, match="is not a day"):
            parse_day(text, earliest=FIRST, latest=LAST)


def test_a_window_includes_both_days_and_may_be_open() -> None:
    start, end = datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 4, tzinfo=UTC)

    assert day_window(FIRST, LAST) == (start, end)
    assert day_window(FIRST, None) == (start, None)
    assert day_window(None, LAST) == (None, end)
    assert day_window(None, None) == (None, None)


def test_a_window_that_ends_with_the_last_day_of_the_calendar_is_open() -> None:
    assert day_window(None, date.max) == (None, None)


def test_a_window_whose_last_day_is_before_its_first_is_refused() -> None:
    with pytest.raises(UsageError, match="the first day, 2026-03-03, is after the last day, 2026-03-02"):
        day_window(LAST, FIRST)

"""The forecast of a month's costs repeats the same weekdays."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import pytest

from livedash_core.costs.amounts import amount
from livedash_core.costs.month_forecast import month_forecast

MONDAY = date(2026, 6, 15)


def test_a_weekend_without_calls_stays_without() -> None:
    """Ten a weekday since 18 May: 11 weekdays of June are over or today, 11 more follow until the 30th."""
    days = [MONDAY - timedelta(days=ago) for ago in range(29)]
    cost_of = {day: Decimal(10) for day in days if day.weekday() < 5}

    found = month_forecast(cost_of, MONDAY)

    assert found is not None
    assert (found.so_far, found.total, found.last_day, found.days) == (110, 220, date(2026, 6, 30), 28)


@pytest.mark.parametrize(("so_far_today", "added"), [(0, 8), (3, 5), (20, 0)])
def test_today_costs_at_least_what_it_has_cost(so_far_today: int, added: int) -> None:
    last = date(2026, 6, 30)
    cost_of = {last - timedelta(days=7): Decimal(8), last: Decimal(so_far_today)}

    found = month_forecast(cost_of, last)

    assert found is not None
    assert found.total - found.so_far == added


def test_a_weekday_that_was_not_there_yet_costs_the_mean() -> None:
    found = month_forecast({date(2026, 6, 28): Decimal(4), date(2026, 6, 27): Decimal(2)}, date(2026, 6, 29))

    assert found is not None
    assert found.total == 6 + 3 + 3


@pytest.mark.parametrize("cost_of", [{}, {MONDAY: Decimal(5)}, {MONDAY - timedelta(days=40): Decimal(5)}])
def test_nothing_is_forecast_without_a_past(cost_of: dict[date, Decimal]) -> None:
    assert month_forecast(cost_of, MONDAY) is None


@pytest.mark.parametrize(
    ("value", "currency", "words"),
    [
        ("0", "USD", "$0.00"),
        ("1234.5", "USD", "$1,234.50"),
        ("0.00123", "USD", "$0.0012"),
        ("0.5", "EUR", "EUR 0.50"),
        ("-3", "USD", "$-3.00"),
    ],
)
def test_an_amount_has_one_format(value: str, currency: str, words: str) -> None:
    assert amount(Decimal(value), currency) == words

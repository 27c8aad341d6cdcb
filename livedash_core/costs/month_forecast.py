"""Forecasts what model calls cost to the end of the month, from the same weekdays before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import NamedTuple

#: Four of each weekday, today not included.
HISTORY_DAYS = 28


class MonthForecast(NamedTuple):
    """Costs in USD of the month so far, and what they become by its last day. ``days`` were known before today."""

    so_far: Decimal
    total: Decimal
    last_day: date
    days: int


def month_forecast(cost_of: Mapping[date, Decimal], today: date) -> MonthForecast | None:
    """Forecast the month of ``today``: each day left costs the mean of the same weekday in the last four weeks.

    Only days since the first one with costs count. A weekday that has not been there yet costs the mean of all days;
    today costs at least what it has cost already. None without a day with costs before today.
    """
    known = [day for day, cost in cost_of.items() if cost and day < today]
    begin = today - timedelta(days=HISTORY_DAYS)
    if not any(day >= begin for day in known):
        return None
    first = max(min(known), begin)
    history = [first + timedelta(days=number) for number in range((today - first).days)]

    def expected(day: date) -> Decimal:
        same = [past for past in history if past.weekday() == day.weekday()] or history
        return sum((cost_of.get(past, Decimal(0)) for past in same), Decimal(0)) / len(same)

    so_far = sum((cost for day, cost in cost_of.items() if today.replace(day=1) <= day <= today), Decimal(0))
    total = so_far + max(Decimal(0), expected(today) - cost_of.get(today, Decimal(0)))
    last_day = today
    while (tomorrow := last_day + timedelta(days=1)).month == today.month:
        last_day = tomorrow
        total += expected(tomorrow)
    return MonthForecast(so_far, total, last_day, len(history))

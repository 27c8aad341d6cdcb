"""The rules about costs: a month's budget, and a day that costs far more than usual."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from livedash_core.alerts.facts import CompanyFacts, Facts
from livedash_core.alerts.found import Found, command, page
from livedash_core.costs.amounts import amount
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings

#: Percent of a budget, with the level of the alert.
BUDGET_PERCENTS = (50, 80, 100)
#: Days with costs before today's are compared with them.
LEAST_USUAL_DAYS = 3
_ANALYSIS = "AI_ANALYSIS"


def budgets(facts: Facts, _pipeline: Pipeline, _settings: Settings) -> Iterator[Found]:
    """Companies that have used 50, 80 or 100% of this month's budget (UTC), with the day on which it runs out."""
    start = datetime(facts.now.year, facts.now.month, 1, tzinfo=UTC)
    without_room = {one.company for one in facts.incidents if one.kind == "budget"}
    for company in facts.companies.values():
        if not company.is_active or company.budget is None:
            continue
        # The next call may cost more than what is left, so that the company waits although 100% is not reached.
        waits = company.name in without_room
        used = 100 * company.month / company.budget if company.budget else Decimal(100 if waits else 0)
        level = len(BUDGET_PERCENTS) if waits else sum(used >= percent for percent in BUDGET_PERCENTS)
        if not level:
            continue
        last_day = runs_out(company, facts.now.date())
        if level == len(BUDGET_PERCENTS):
            outlook = "Its sessions wait for the next month or a higher budget."
        elif last_day is None:
            outlook = "At the rate of the last 7 days it lasts until the end of the month."
        else:
            outlook = f"At the rate of the last 7 days it runs out on {last_day}."
        yield Found(
            "budget",
            company=company,
            stage=_ANALYSIS,
            detail=f"{facts.now:%Y-%m}",
            since=start,
            level=level,
            message=f"{company.name} has used {amount(company.month)} of its budget of {amount(company.budget)} "
            f"for {facts.now:%Y-%m}, {math.floor(used)}%. {outlook}",
            advice="Raise the budget with livedash company update, choose a cheaper model, or wait for the next month.",
            page=page("costs", company=company.id),
            command=command("livedash costs --company", company.name),
        )


def runs_out(company: CompanyFacts, today: date) -> date | None:
    """The day on which the budget is used up at the rate of the last 7 days; None if the month ends before."""
    left = (company.budget or Decimal(0)) - company.month
    # A company's first days: today is all that is known.
    rate = company.week / 7 or company.today
    if left <= 0:
        return today
    if not rate:
        return None
    days = min(int(left / rate), 366)
    last = today + timedelta(days=days)
    return last if (last.year, last.month) == (today.year, today.month) else None


def expensive_days(facts: Facts, _pipeline: Pipeline, settings: Settings) -> Iterator[Found]:
    """Companies whose present day (UTC) costs far more than their days with costs usually do."""
    for company in facts.companies.values():
        limit = max(
            Decimal(str(settings.alert_spend_factor)) * company.usual_day, Decimal(str(settings.alert_spend_usd))
        )
        if company.usual_days < LEAST_USUAL_DAYS or company.today <= limit:
            continue
        today = facts.now.replace(hour=0, minute=0, second=0, microsecond=0)
        yield Found(
            "spending",
            company=company,
            stage=_ANALYSIS,
            detail=f"{today:%Y-%m-%d}",
            since=today,
            message=f"The model calls of {company.name} cost {amount(company.today)} so far today (UTC); a day with "
            f"calls usually costs {amount(company.usual_day)}.",
            advice="Look at which model and how many calls; suspend the company with livedash company set-status, or "
            "give it a budget.",
            page=page("costs", company=company.id),
            command=command("livedash costs --company", company.name),
        )

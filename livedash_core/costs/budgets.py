"""Enforce the monthly budgets of companies.

The maximum cost of a call is reserved before the call is made, so that concurrent calls cannot overrun a budget. A
month is a calendar month in UTC.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, or_, select, text

from livedash_core.costs.amounts import amount
from livedash_core.costs.ledger import PlannedCall
from livedash_core.enums import ACTIVE
from livedash_core.errors import SystemicError
from livedash_core.models import Company
from livedash_core.outcomes import Deferred

#: An operator may raise a budget at any time, so a deferred session checks it again after this time.
_BUDGET_RECHECK_SECONDS = 900.0

# The costs of closed calls, the maximum costs of calls whose cost is unknown, and the reservations of open calls. One
# statement reads all three, so that a call that closes in the meantime is counted once.
_SPENT = text(
    """
    SELECT company_id, sum(usd) AS usd FROM (
        SELECT company_id, cost + max_cost AS usd FROM livedash.ai_cost_daily
        WHERE company_id = ANY (CAST(:company_ids AS uuid[])) AND day >= date_trunc('month', now() AT TIME ZONE 'UTC')
        UNION ALL
        SELECT company_id, max_cost FROM livedash.ai_processing_request
        WHERE company_id = ANY (CAST(:company_ids AS uuid[])) AND outcome = 'sent'
          AND requested_at >= date_trunc('month', now(), 'UTC')
    ) AS spent GROUP BY company_id
    """
)


def check_budgets(
    connection: Connection, calls: Sequence[PlannedCall], max_costs: Sequence[Decimal | None]
) -> list[Deferred | SystemicError | None]:
    """Return for each of ``calls`` the reason why it may not be made, or None if it may.

    The caller records the calls that may be made in the same transaction, which reserves their maximum cost. The rows
    of the companies stay locked until then, so that no other process reserves for the same companies.
    """
    company_ids = {call.company_id for call in calls}
    companies = {
        row.id: row
        for row in connection.execute(
            select(Company.id, Company.name, Company.status, Company.monthly_budget_usd)
            .where(
                Company.id.in_(company_ids),
                or_(Company.monthly_budget_usd.is_not(None), Company.status != ACTIVE),
            )
            .order_by(Company.id)
            .with_for_update(key_share=True)
        )
    }
    if not companies:
        return [None] * len(calls)
    spent = dict.fromkeys(companies, Decimal(0))
    for row in connection.execute(_SPENT, {"company_ids": list(companies)}):
        spent[row.company_id] = row.usd
    reasons: list[Deferred | SystemicError | None] = []
    for call, max_cost in zip(calls, max_costs, strict=True):
        company = companies.get(call.company_id)
        reason = None if company is None else _refusal(company, call, max_cost, spent[company.id])
        if company is not None and reason is None:
            spent[company.id] += max_cost or 0
        reasons.append(reason)
    return reasons


def _refusal(
    company: Any, call: PlannedCall, max_cost: Decimal | None, spent: Decimal
) -> Deferred | SystemicError | None:
    if company.status != ACTIVE:
        return Deferred(f"{company.name} is {company.status}: only ACTIVE companies are processed", "status")
    if max_cost is None:
        return SystemicError(
            f"{company.name} has a budget, but {call.model!r} has no price; set one: "
            f"livedash price set {call.model} --input USD --output USD",
            company_id=call.company_id,
        )
    if spent + max_cost <= company.monthly_budget_usd:
        return None
    return Deferred(
        f"{company.name}'s budget of {amount(company.monthly_budget_usd)} a month has no room for another call; its "
        "sessions wait for the next month or a higher budget: "
        f"livedash company update {shlex.quote(company.name)} --monthly-budget USD",
        "budget",
        retry_after_seconds=_BUDGET_RECHECK_SECONDS,
    )

"""What a company may spend in a calendar month (UTC): set aside before a call, so that no two calls spend it twice."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, or_, select, text

from livedash_core.costs.ledger import PlannedCall
from livedash_core.enums import ACTIVE
from livedash_core.errors import Deferred, ProcessingError, SystemicError
from livedash_core.models import Company

#: Somebody may raise a budget at any time: so often it is asked whether there is room again.
_ASK_AGAIN_SECONDS = 900.0

# What was paid, what may have been paid, and what is set aside for calls that are open: in one snapshot, so that a
# call which closes meanwhile is in it once.
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


def held_back(
    connection: Connection, calls: Sequence[PlannedCall], max_costs: Sequence[Decimal | None]
) -> list[ProcessingError | None]:
    """Why a call may not be made, for each of ``calls``; None: it may, and what it costs at most is set aside.

    Until this transaction ends, nobody else sets anything aside for the same companies.
    """
    asking = {call.company_id for call in calls}
    companies = {
        row.id: row
        for row in connection.execute(
            select(Company.id, Company.name, Company.status, Company.monthly_budget_usd)
            .where(
                Company.id.in_(asking),
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
    reasons: list[ProcessingError | None] = []
    for call, most in zip(calls, max_costs, strict=True):
        company = companies.get(call.company_id)
        reason = None if company is None else _reason(company, call, most, spent[company.id])
        if company is not None and reason is None:
            spent[company.id] += most or 0
        reasons.append(reason)
    return reasons


def _reason(company: Any, call: PlannedCall, most: Decimal | None, spent: Decimal) -> ProcessingError | None:
    if company.status != ACTIVE:
        return Deferred(f"{company.name} is {company.status}: only ACTIVE companies are processed", "status")
    if most is None:
        return SystemicError(
            f"{company.name} has a budget, but {call.model!r} has no price to reckon with; set one: "
            f"livedash price set {call.model} --input USD --output USD",
            company_id=call.company_id,
        )
    if spent + most <= company.monthly_budget_usd:
        return None
    return Deferred(
        f"{company.name}'s budget of USD {company.monthly_budget_usd:f} a month has no room for another call; the rest "
        "waits for the next month, or for more: "
        f"livedash company update {shlex.quote(company.name)} --monthly-budget USD",
        "budget",
        retry_after_seconds=_ASK_AGAIN_SECONDS,
    )

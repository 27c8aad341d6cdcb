"""The rows of the cost ledger and their sums by day: a call is opened, closed, priced and added up in one transaction.

Every function takes an open connection and never commits. Who makes calls one by one has ``database_ledger``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, Connection, TextClause, Uuid, any_, bindparam, select
from uuid6 import uuid7

from livedash_core.bulk_insert import upsert
from livedash_core.costs import ledger_sql as sql
from livedash_core.costs.budgets import held_back
from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.costs.pricing import PriceList, cost_of, max_cost_of
from livedash_core.errors import SystemicError
from livedash_core.models import AiCostDaily, AiProcessingRequest
from livedash_core.outcomes import Deferred

#: A call that is made one by one ends within minutes (``OpenAIAnalyzer``); after so long, whoever made it is dead.
ABANDONED_AFTER_SECONDS = 900
_PRICED_AT_ONCE = 10_000

_TOKENS = tuple(field.name for field in fields(Usage))
_CALL = AiProcessingRequest
#: What the price of a call depends on.
_PRICED_BY = (_CALL.id, _CALL.model_requested, _CALL.mode, _CALL.requested_at)
_OPEN = select(*_PRICED_BY).where(_CALL.id == any_(bindparam("ids", type_=ARRAY(Uuid))), _CALL.outcome == "sent")


def open_calls(
    connection: Connection, calls: Sequence[PlannedCall], prices: PriceList
) -> list[UUID | Deferred | SystemicError]:
    """Record that calls are about to be made (``sent``), and set aside what they cost at most.

    For each of ``calls`` in their order: its row's id, or why it may not be made (a budget).
    """
    if not calls:
        return []
    now = datetime.now(UTC)
    max_costs = [max_cost_of(call, prices, now) for call in calls]
    opened: list[UUID | Deferred | SystemicError] = []
    rows: list[dict[str, Any]] = []
    for call, max_cost, reason in zip(calls, max_costs, held_back(connection, calls, max_costs), strict=True):
        opened.append(reason or uuid7())
        if reason is None:
            rows.append(
                {
                    "id": opened[-1],
                    "session_id": call.session_id,
                    "company_id": call.company_id,
                    "mode": call.mode,
                    "prompt_version": call.prompt_version,
                    "model_requested": call.model,
                    "max_cost": max_cost,
                }
            )
    upsert(connection, AiProcessingRequest, rows, key=("id",))
    return opened


def close_calls(connection: Connection, ends: Mapping[UUID, CallEnd], prices: PriceList) -> set[UUID]:
    """Record how calls ended and what they cost; returns the rows that were open. A closed row stays as it is."""
    if not ends:
        return set()
    opened = connection.execute(_OPEN, {"ids": list(ends)})
    return _change(connection, sql.CLOSE, [_closed(call, ends[call.id], prices) for call in opened])


def mark_unusable(connection: Connection, faults: Mapping[UUID, str]) -> set[UUID]:
    """Note on closed rows why their reply was no use; returns those rows."""
    return _change(connection, sql.FAULT, [{"id": row, "error_message": fault} for row, fault in faults.items()])


def abandon_calls(connection: Connection, older_than_seconds: float = ABANDONED_AFTER_SECONDS) -> set[UUID]:
    """Close what a crash left open as ``unknown``; returns the rows. Batches are looked after by who sent them."""
    return set(connection.scalars(sql.ABANDON, {"older_than_seconds": older_than_seconds}))


def price_unpriced_calls(connection: Connection, prices: PriceList) -> int:
    """Give answered calls the price that was not known when they were made; returns how many got one."""
    wanted = (
        select(*_PRICED_BY, _CALL.model_answered, _CALL.service_tier, *(getattr(_CALL, name) for name in _TOKENS))
        .where(_CALL.outcome == "answered", _CALL.cost.is_(None))
        .order_by(_CALL.id)
        .limit(_PRICED_AT_ONCE)
    )
    last, priced = UUID(int=0), 0
    while calls := connection.execute(wanted.where(_CALL.id > last)).all():
        rows = []
        for call in calls:
            usage = Usage(**{name: getattr(call, name) for name in _TOKENS})
            end = CallEnd("answered", None, call.model_answered, None, call.service_tier, usage)
            row = _closed(call, end, prices)
            if row["cost"] is not None:
                rows.append({name: row[name] for name in ("id", "pricing_id", "cost")})
        priced += len(_change(connection, sql.PRICE, rows))
        last = calls[-1].id
    return priced


def add_reused(connection: Connection, reused: Mapping[tuple[UUID, str], int]) -> None:
    """Count analyses that were served again without a call: (company, model) → how many."""
    rows = [{"company_id": company, "model": model, "requests": reused[company, model]} for company, model in reused]
    if rows:
        connection.execute(sql.REUSE, _columns(sorted(rows, key=lambda row: (row["company_id"], row["model"]))))


def add_to_totals(connection: Connection, rows: Sequence[UUID]) -> None:
    """Add rows to the sums that were written elsewhere than here, such as those that moved in; once."""
    connection.execute(sql.ENTER, {"id": list(rows)})


def recount(connection: Connection) -> list[dict[str, Any]]:
    """The sums as the rows themselves give them: what ``ai_cost_daily`` must hold, but for what was reused."""
    return [dict(row._mapping) for row in connection.execute(sql.RECOUNT)]


def stored_totals(connection: Connection) -> list[dict[str, Any]]:
    """``ai_cost_daily`` as ``recount`` would have it."""
    table = AiCostDaily.__table__
    kept = select(table).where(table.c.outcome != "reused").order_by(*AiCostDaily.__mapper__.primary_key)
    return [dict(row._mapping) for row in connection.execute(kept)]


def _closed(call: Any, end: CallEnd, prices: PriceList) -> dict[str, Any]:
    """The columns of a call that has ended. Nothing is paid for what was refused; None is what nobody knows."""
    pricing_id, cost = None, Decimal(0) if end.outcome == "rejected" else None
    if end.outcome == "answered":
        models, tokens = (end.model_answered, call.model_requested), end.usage.prompt_tokens or 0
        price = prices.find(models, call.mode, end.service_tier, call.requested_at, tokens)
        if price is not None:
            pricing_id, cost = price.id, cost_of(end.usage, price)
    columns = asdict(replace(end, rate_limit=None))
    del columns["rate_limit"]
    return {"id": call.id, **columns, **columns.pop("usage"), "pricing_id": pricing_id, "cost": cost}


def _change(connection: Connection, statement: TextClause, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    return set(connection.scalars(statement, _columns(rows))) if rows else set()


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}

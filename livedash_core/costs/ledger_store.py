"""Write the rows of the cost ledger and the daily totals: open, close and price calls.

Every function takes an open connection and never commits; a row and its share of the totals change in one
transaction. ``ledger_writer`` commits for calls that are made one by one.
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
from livedash_core.costs.budgets import check_budgets
from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.costs.pricing import PriceList, cost_of, max_cost_of
from livedash_core.errors import SystemicError
from livedash_core.models import AiCostDaily, AiProcessingRequest
from livedash_core.outcomes import Deferred

#: A realtime call ends within minutes (``OpenAIAnalyzer``). If it is open for longer, its process has died.
ABANDONED_AFTER_SECONDS = 900
_PRICING_CHUNK = 10_000

_TOKENS = tuple(field.name for field in fields(Usage))
_CALL = AiProcessingRequest
#: The columns that the price of a call depends on.
_PRICE_COLUMNS = (_CALL.id, _CALL.model_requested, _CALL.mode, _CALL.openai_prices, _CALL.requested_at)
_OPEN_CALLS = select(*_PRICE_COLUMNS).where(
    _CALL.id == any_(bindparam("ids", type_=ARRAY(Uuid))), _CALL.outcome == "sent"
)


def open_calls(
    connection: Connection, calls: Sequence[PlannedCall], prices: PriceList
) -> list[UUID | Deferred | SystemicError]:
    """Record that calls are about to be made (``sent``), and reserve their maximum cost.

    Returns for each of ``calls``, in their order, the id of its row or the reason why it may not be made.
    """
    if not calls:
        return []
    now = datetime.now(UTC)
    max_costs = [max_cost_of(call, prices, now) for call in calls]
    opened: list[UUID | Deferred | SystemicError] = []
    rows: list[dict[str, Any]] = []
    for call, max_cost, reason in zip(calls, max_costs, check_budgets(connection, calls, max_costs), strict=True):
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
                    "openai_prices": call.openai_prices,
                    "max_cost": max_cost,
                }
            )
    upsert(connection, AiProcessingRequest, rows, key=("id",))
    return opened


def close_calls(connection: Connection, ends: Mapping[UUID, CallEnd], prices: PriceList) -> set[UUID]:
    """Record how calls ended and what they cost; returns the rows that were open. A closed row does not change."""
    if not ends:
        return set()
    opened = connection.execute(_OPEN_CALLS, {"ids": list(ends)})
    return _execute(connection, sql.CLOSE, [_closing_columns(call, ends[call.id], prices) for call in opened])


def mark_unusable(connection: Connection, error_messages: Mapping[UUID, str]) -> set[UUID]:
    """Record on closed rows why their reply is unusable; returns those rows."""
    rows = [{"id": row, "error_message": message} for row, message in error_messages.items()]
    return _execute(connection, sql.MARK_UNUSABLE, rows)


def abandon_calls(connection: Connection, older_than_seconds: float = ABANDONED_AFTER_SECONDS) -> set[UUID]:
    """Close the realtime calls that a crash left open as ``unknown``; returns the rows.

    The calls of a batch are closed when the batch is collected.
    """
    return set(connection.scalars(sql.ABANDON, {"older_than_seconds": older_than_seconds}))


def price_unpriced_calls(connection: Connection, prices: PriceList) -> int:
    """Price the answered calls that had no price when they were closed; returns how many have one now."""
    wanted = (
        select(*_PRICE_COLUMNS, _CALL.model_answered, _CALL.service_tier, *(getattr(_CALL, name) for name in _TOKENS))
        .where(_CALL.outcome == "answered", _CALL.cost.is_(None))
        .order_by(_CALL.id)
        .limit(_PRICING_CHUNK)
    )
    last, priced = UUID(int=0), 0
    while calls := connection.execute(wanted.where(_CALL.id > last)).all():
        rows = []
        for call in calls:
            usage = Usage(**{name: getattr(call, name) for name in _TOKENS})
            end = CallEnd("answered", None, call.model_answered, None, call.service_tier, usage)
            row = _closing_columns(call, end, prices)
            if row["cost"] is not None:
                rows.append({name: row[name] for name in ("id", "pricing_id", "cost")})
        priced += len(_execute(connection, sql.PRICE, rows))
        last = calls[-1].id
    return priced


def add_reused(connection: Connection, reused: Mapping[tuple[UUID, str], int]) -> None:
    """Count stored analyses that were reused without a call: (company, model) → how many."""
    rows = [{"company_id": company, "model": model, "requests": reused[company, model]} for company, model in reused]
    if rows:
        connection.execute(sql.ADD_REUSED, _as_arrays(sorted(rows, key=lambda row: (row["company_id"], row["model"]))))


def add_to_totals(connection: Connection, rows: Sequence[UUID]) -> None:
    """Add rows to the totals that another module inserted, such as migrated ones. Call it once per row."""
    connection.execute(sql.ADD_TO_TOTALS, {"id": list(rows)})


def recount(connection: Connection) -> list[dict[str, Any]]:
    """The totals computed from the rows: what ``ai_cost_daily`` must contain, except for reused analyses."""
    return [dict(row._mapping) for row in connection.execute(sql.RECOUNT)]


def stored_totals(connection: Connection) -> list[dict[str, Any]]:
    """The rows of ``ai_cost_daily``, in the form and order of ``recount``."""
    table = AiCostDaily.__table__
    totals = select(table).where(table.c.outcome != "reused").order_by(*AiCostDaily.__mapper__.primary_key)
    return [dict(row._mapping) for row in connection.execute(totals)]


def _closing_columns(call: Any, end: CallEnd, prices: PriceList) -> dict[str, Any]:
    """The columns that close a call. The cost of a rejected call is 0; an unknown cost is None."""
    pricing_id, cost = None, Decimal(0) if end.outcome == "rejected" else None
    if end.outcome == "answered":
        models, tokens = (call.model_requested, end.model_answered), end.usage.prompt_tokens or 0
        price = prices.find(
            models, call.mode, end.service_tier, call.requested_at, tokens, openai_prices=call.openai_prices
        )
        if price is not None:
            pricing_id, cost = price.id, cost_of(end.usage, price)
    columns = asdict(replace(end, rate_limit=None))
    del columns["rate_limit"]
    return {"id": call.id, **columns, **columns.pop("usage"), "pricing_id": pricing_id, "cost": cost}


def _execute(connection: Connection, statement: TextClause, rows: Sequence[Mapping[str, Any]]) -> set[UUID]:
    return set(connection.scalars(statement, _as_arrays(rows))) if rows else set()


def _as_arrays(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}

"""Cost reports by day, company and model, for the command line and the Costs page, and a forecast for reruns.

A report reads the totals in ``ai_cost_daily`` and the few open calls, never the closed ones. A forecast reads the last
call of each session that it is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from sqlalchemy import Connection, select, text

from livedash_core.costs.amounts import amount
from livedash_core.enums import CALL_OUTCOMES
from livedash_core.errors import UsageError
from livedash_core.models import CurrencyRate
from livedash_core.models.ai import MISCOUNTED

Grouping = Literal["day", "company", "model"]


@dataclass(frozen=True, slots=True)
class CostLine:
    """The calls, tokens and costs of one day, company or model, or of all of them.

    ``requests`` is the sum of ``answered``, ``rejected``, ``unknown`` and ``sent``; ``reused`` analyses needed no call.
    """

    #: The day of the request (ISO 8601, UTC), a company's name, the name of the requested model, or ``total``.
    key: str
    requests: int = 0
    #: Billed, whether the reply was usable or not.
    answered: int = 0
    #: Refused by the server, not billed.
    rejected: int = 0
    #: Perhaps billed: the connection broke after the request was sent.
    unknown: int = 0
    #: In progress, or left open by a crash and not yet closed as ``unknown``.
    sent: int = 0
    reused: int = 0
    #: Part of ``answered``: the price or the token count is not known, so ``cost_usd`` does not include them.
    unpriced: int = 0
    #: Part of ``answered``: the reply was unusable.
    unusable: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    #: The exact cost of all calls whose cost is known.
    cost_usd: Decimal = Decimal(0)
    #: The maximum cost of the ``unknown``, ``unpriced`` and ``sent`` calls whose model has a price.
    uncertain_usd: Decimal = Decimal(0)
    #: ``cost_usd`` in ``Costs.currency`` at each day's rate; None if a day has no rate or no currency was requested.
    cost: Decimal | None = None

    @property
    def per_answer_usd(self) -> Decimal | None:
        """The cost of one usable answer, of which an analysed session has one; None without any."""
        usable = self.answered - self.unusable
        return self.cost_usd / usable if usable > 0 else None


@dataclass(frozen=True, slots=True)
class Costs:
    """Lines by day (newest first), or by company or model (highest cost first), and their total."""

    by: Grouping
    currency: str | None
    lines: tuple[CostLine, ...]
    total: CostLine


def read_costs(
    connection: Connection,
    *,
    by: Grouping = "day",
    company_ids: Iterable[UUID] | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    currency: str | None = None,
) -> Costs:
    """Read the costs of the companies (None: all) on the UTC days from ``first_day`` to ``last_day``, both included.

    Raises ``UsageError`` for an unknown ``by`` and for a currency without any rate.
    """
    if by not in get_args(Grouping):
        raise UsageError(f"costs are shown by {', '.join(get_args(Grouping))}, not by {by!r}")
    if currency is not None and not connection.scalar(
        select(CurrencyRate.currency).where(CurrencyRate.currency == currency).limit(1)
    ):
        raise UsageError(f"there is no rate for {currency}; set one: livedash price rate {currency} PER_USD")
    rows = connection.execute(
        _COSTS,
        {
            "by": by,
            **_filters(company_ids, first_day, last_day),
            "currency": currency,
        },
    )
    # The total's row has no key.
    lines = {row.key: CostLine(**{**row._mapping, "key": row.key or "total"}) for row in rows}
    return Costs(by, currency, total=lines.pop(None), lines=tuple(lines.values()))


def miscounted_batches(
    connection: Connection,
    *,
    company_ids: Iterable[UUID] | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
) -> list[str]:
    """A sentence about each batch whose token count differs between provider and ledger, newest first."""
    filters = _filters(company_ids, first_day, last_day)
    return list(connection.scalars(_MISCOUNTED, {"begins": MISCOUNTED, **filters}))


def _filters(company_ids: Iterable[UUID] | None, first_day: date | None, last_day: date | None) -> dict[str, Any]:
    return {
        "company_ids": None if company_ids is None else list(company_ids),
        "first_day": first_day,
        "last_day": last_day,
    }


class Forecast(NamedTuple):
    """The maximum cost in USD of one more call for each session, except for the ``unknown`` ones."""

    max_usd: Decimal
    unknown: int


def forecast(connection: Connection, session_ids: Iterable[UUID]) -> Forecast:
    """Forecast the cost of calls that repeat the sessions' last calls, with the same models at the same prices.

    A session without a call, or whose model had no price, is ``unknown``. The forecast is an upper bound: a session
    whose messages, model and prompt have not changed costs nothing, because its analysis is reused.
    """
    row = connection.execute(_LAST_CALLS, {"session_ids": list(session_ids)}).one()
    return Forecast(row.max_usd, row.unknown)


def describe_forecast(connection: Connection, session_ids: Iterable[UUID], *, there_are_more: bool = False) -> str:
    """A sentence with the ``forecast`` for a rerun of these sessions.

    ``there_are_more``: the rerun has further sessions, which the forecast leaves out.
    """
    sessions = list(session_ids)
    max_usd, unknown = forecast(connection, sessions)
    if not sessions:
        return "there is no session to analyse"
    each = (
        f"each of {'the newest ' if there_are_more else ''}{len(sessions):,} sessions"
        if sessions[1:]
        else "this session"
    )
    if unknown == len(sessions):
        return f"the cost of a model call for {each} is not known: no call with a price was made so far"
    rest = f", without {unknown:,} whose cost is not known" if unknown else ""
    return f"a model call for {each} costs {amount(max_usd)} at most{rest}; an unchanged session needs no call"


_MISCOUNTED = text(
    """
    SELECT company.name || ', batch ' || remote_id || ': ' || error_message
    FROM livedash.ai_batch AS batch JOIN livedash.company ON company.id = company_id
    WHERE starts_with(error_message, :begins)
      AND (CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[])))
      AND CAST(batch.created_at AT TIME ZONE 'UTC' AS date)
          BETWEEN coalesce(:first_day, date '-infinity') AND coalesce(:last_day, date 'infinity')
    ORDER BY batch.id DESC
    """
)
_LAST_CALLS = text(
    """
    SELECT coalesce(sum(last.max_cost), 0) AS max_usd, count(*) - count(last.max_cost) AS unknown
    FROM unnest(CAST(:session_ids AS uuid[])) AS wanted (id)
    LEFT JOIN LATERAL (
        SELECT max_cost FROM livedash.ai_processing_request
        WHERE session_id = wanted.id ORDER BY requested_at DESC, id DESC LIMIT 1
    ) AS last ON true
    """
)
_COUNTED = (
    *("unpriced", "unusable"),
    *("prompt_tokens", "cached_tokens", "cache_write_tokens", "completion_tokens", "reasoning_tokens"),
)
_COSTS = text(
    f"""
    WITH called AS (
        SELECT day, company_id, model, outcome, requests, {", ".join(_COUNTED)}, cost, max_cost
        FROM livedash.ai_cost_daily
        UNION ALL
        SELECT CAST(requested_at AT TIME ZONE 'UTC' AS date), company_id, model_requested, outcome, 1
               {", 0" * len(_COUNTED)}, 0, coalesce(max_cost, 0)
        FROM livedash.ai_processing_request WHERE outcome = 'sent'
    ), rate AS (
        SELECT per_usd, valid_from, lead(valid_from, 1, 'infinity') OVER (ORDER BY valid_from) AS valid_before
        FROM livedash.currency_rate WHERE currency = :currency
    )
    SELECT CASE :by WHEN 'day' THEN CAST(day AS text) WHEN 'model' THEN called.model
                    ELSE coalesce(company.name, CAST(company_id AS text)) END AS key,
           CAST(coalesce(sum(requests) FILTER (WHERE outcome <> 'reused'), 0) AS int8) AS requests,
           {
        ", ".join(
            f"CAST(coalesce(sum(requests) FILTER (WHERE outcome = '{outcome}'), 0) AS int8) AS {outcome}"
            for outcome in (*CALL_OUTCOMES, "reused")
        )
    },
           {", ".join(f"CAST(coalesce(sum({name}), 0) AS int8) AS {name}" for name in _COUNTED)},
           coalesce(sum(called.cost), 0) AS cost_usd, coalesce(sum(max_cost), 0) AS uncertain_usd,
           CASE WHEN CAST(:currency AS text) IS NOT NULL
                 AND bool_and(per_usd IS NOT NULL OR called.cost = 0) IS NOT FALSE
                THEN coalesce(sum(called.cost * per_usd), 0) END AS cost
    FROM called
    LEFT JOIN livedash.company ON company.id = company_id
    LEFT JOIN rate ON day >= valid_from AND day < valid_before
    WHERE (CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[])))
      AND day BETWEEN coalesce(:first_day, date '-infinity') AND coalesce(:last_day, date 'infinity')
    GROUP BY GROUPING SETS ((1), ())
    ORDER BY CASE :by WHEN 'day' THEN CAST(min(day) AS text) END DESC, cost_usd DESC, key
    """  # noqa: S608 - names of ours only
)

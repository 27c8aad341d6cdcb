"""What the analyses cost, added up: the command line prints it, the Costs page shows it.

It reads the sums of ``ai_cost_daily`` and the few calls that are still open, never the calls themselves; but for what
asking again about named sessions may cost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, NamedTuple, get_args
from uuid import UUID

from sqlalchemy import Connection, select, text

from livedash_core.enums import CALL_OUTCOMES
from livedash_core.errors import UsageError
from livedash_core.models import CurrencyRate
from livedash_core.models.ai import MISCOUNTED

By = Literal["day", "company", "model"]


@dataclass(frozen=True, slots=True)
class CostLine:
    """One day, company or model, or all together: calls, tokens, money.

    ``requests`` is the sum of ``answered``, ``rejected``, ``unknown`` and ``sent``; ``reused`` analyses took no call.
    """

    #: ISO 8601 day (UTC, of the request), a company's name, the name of the model that was asked, or ``total``.
    key: str
    requests: int = 0
    #: Paid, whether the reply was of use or not.
    answered: int = 0
    #: Refused by the server, nothing to pay.
    rejected: int = 0
    #: Perhaps paid: nobody knows what became of them.
    unknown: int = 0
    #: Under way right now, or about to be found out as ``unknown``.
    sent: int = 0
    reused: int = 0
    #: Of ``answered``: paid, but without a known price or count of tokens, so that ``cost_usd`` lacks them.
    unpriced: int = 0
    #: Of ``answered``: the reply was no use.
    unusable: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    cache_write_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    #: Exact, of all calls whose cost is known.
    cost_usd: Decimal = Decimal(0)
    #: The most that ``unknown``, ``unpriced`` and ``sent`` calls may come to, as far as their model has a price.
    uncertain_usd: Decimal = Decimal(0)
    #: ``cost_usd`` in ``Costs.currency`` at each day's rate; None when a day has no rate, or no currency was asked for.
    cost: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """Lines by day (newest first), or by company or model (dearest first), and their total."""

    by: By
    currency: str | None
    lines: tuple[CostLine, ...]
    total: CostLine


def read_costs(
    connection: Connection,
    *,
    by: By = "day",
    company_ids: Iterable[UUID] | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
    currency: str | None = None,
) -> Costs:
    """Costs of the companies (None: of all) on UTC days from ``first_day`` to ``last_day``, both included.

    Raises ``UsageError`` for a ``by`` that does not exist and a currency without any rate.
    """
    if by not in get_args(By):
        raise UsageError(f"costs are shown by {', '.join(get_args(By))}, not by {by!r}")
    if currency is not None and not connection.scalar(
        select(CurrencyRate.currency).where(CurrencyRate.currency == currency).limit(1)
    ):
        raise UsageError(f"there is no rate for {currency}; set one: livedash price rate {currency} PER_USD")
    rows = connection.execute(
        _COSTS,
        {
            "by": by,
            **_extent(company_ids, first_day, last_day),
            "currency": currency,
        },
    )
    # The row of all together has no key.
    lines = {row.key: CostLine(**{**row._mapping, "key": row.key or "total"}) for row in rows}
    return Costs(by, currency, total=lines.pop(None), lines=tuple(lines.values()))


def miscounted_batches(
    connection: Connection,
    *,
    company_ids: Iterable[UUID] | None = None,
    first_day: date | None = None,
    last_day: date | None = None,
) -> list[str]:
    """The batches whose tokens the server adds up to another sum than the ledger, a sentence each, newest first."""
    extent = _extent(company_ids, first_day, last_day)
    return list(connection.scalars(_MISCOUNTED, {"begins": MISCOUNTED, **extent}))


def _extent(company_ids: Iterable[UUID] | None, first_day: date | None, last_day: date | None) -> dict[str, Any]:
    return {
        "company_ids": None if company_ids is None else list(company_ids),
        "first_day": first_day,
        "last_day": last_day,
    }


class Forecast(NamedTuple):
    """What one more call for each of some sessions may cost, USD; of ``unknown`` sessions nobody can tell."""

    most_usd: Decimal
    unknown: int


def forecast(connection: Connection, session_ids: Iterable[UUID]) -> Forecast:
    """The most that their last calls could cost, all together: as if asked once more, with that model, at that price.

    A session that was never asked about, or whose model had no price, is ``unknown``. One whose words, model and prompt
    are as they were costs nothing: its analysis is reused.
    """
    row = connection.execute(_LAST_CALLS, {"session_ids": list(session_ids)}).one()
    return Forecast(row.most_usd, row.unknown)


def describe_forecast(connection: Connection, session_ids: Iterable[UUID], *, there_are_more: bool = False) -> str:
    """``forecast`` for who is about to do these sessions again; ``there_are_more`` that are not among them."""
    asked = list(session_ids)
    most, unknown = forecast(connection, asked)
    if not asked:
        return "there is nothing to ask a model about"
    each = f"each of {'the newest ' if there_are_more else ''}{len(asked):,} sessions" if asked[1:] else "this session"
    if unknown == len(asked):
        return f"what a call to a model for {each} may cost is not known: none with a price was made so far"
    rest = f", without {unknown:,} of which nobody knows" if unknown else ""
    return f"a call to a model for {each} comes to USD {most:f} at most{rest}; what has not changed needs no call"


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
    SELECT coalesce(sum(last.max_cost), 0) AS most_usd, count(*) - count(last.max_cost) AS unknown
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

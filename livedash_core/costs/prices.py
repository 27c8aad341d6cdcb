"""The prices in ``ai_model_pricing``: read them, take them over from the catalogue, set one by hand."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib.metadata import version
from itertools import groupby
from typing import Any

from sqlalchemy import Connection, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from livedash_core.costs.ledger_store import price_unpriced_calls
from livedash_core.costs.pricing import STANDARD, Price, PriceList, family_of
from livedash_core.errors import UsageError
from livedash_core.models import AiModelPricing, CurrencyRate

_SET = ("model", "tier", "valid_from")
_PRICE = ("from_prompt_tokens", "input", "cached_input", "cache_write", "output")


def load_prices(connection: Connection) -> PriceList:
    """All prices; some hundreds of rows."""
    columns = [getattr(AiModelPricing, name) for name in Price.__dataclass_fields__]
    return PriceList(Price(*row) for row in connection.execute(select(*columns)))


def import_price_catalogue(connection: Connection) -> int:
    """Add what the installed ``genai-prices`` knows and the table does not; returns how many prices that was.

    No network. A price that the package has corrected since holds from now on: what was paid is not rewritten.
    """
    source = f"genai-prices {version('genai-prices')}"
    taken_over = select(AiModelPricing.id).where(AiModelPricing.source == source).limit(1)
    if connection.scalar(taken_over) is not None:
        return 0
    # Two may start at once.
    connection.execute(text("LOCK TABLE livedash.ai_model_pricing IN SHARE ROW EXCLUSIVE MODE"))
    if connection.scalar(taken_over) is not None:
        return 0
    # Lazily: the package takes half a second to import.
    from livedash_core.costs.price_catalogue import catalogue

    known: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    held = select(*(getattr(AiModelPricing, name) for name in (*_SET, *_PRICE))).where(~AiModelPricing.by_hand)
    for row in connection.execute(held.order_by(AiModelPricing.valid_from)):
        known.setdefault(row[:3], set()).add(tuple(row[3:]))
    now, new = datetime.now(UTC), []
    for key, group in groupby(catalogue(), key=lambda row: tuple(row[name] for name in _SET)):
        rows = list(group)
        prices = {tuple(row[name] for name in _PRICE) for row in rows}
        latest = [found for (model, tier, _), found in known.items() if (model, tier) == key[:2]][-1:]
        if key not in known:
            new += rows
        elif known[key] != prices and latest != [prices]:
            new += [{**row, "valid_from": now} for row in rows]
    connection.execute(update(AiModelPricing).where(~AiModelPricing.by_hand).values(source=source))
    return _add(connection, [{**row, "source": source} for row in new])


def set_price(
    connection: Connection,
    model: str,
    *,
    valid_from: datetime,
    input_: Decimal,
    output: Decimal,
    cached_input: Decimal | None = None,
    cache_write: Decimal | None = None,
) -> None:
    """Set what ``model`` costs from ``valid_from`` on, in USD per million tokens, in every tier and mode.

    Calls since then that had no price get it. A price by hand wins over the catalogue's. Raises ``UsageError`` for a
    model that has such a price from that very moment: what was paid is not rewritten.
    """
    row = {
        "model": model,
        "tier": STANDARD,
        "valid_from": valid_from,
        "by_hand": True,
        "input": input_,
        "cached_input": input_ if cached_input is None else cached_input,
        "cache_write": input_ if cache_write is None else cache_write,
        "output": output,
        "source": "by hand",
    }
    if not model.strip() or min(value for value in row.values() if isinstance(value, Decimal)) < 0:
        raise UsageError("a price belongs to a model and is not negative")
    taken = select(AiModelPricing.id).where(
        AiModelPricing.by_hand, AiModelPricing.model == model, AiModelPricing.valid_from == valid_from
    )
    if connection.scalar(taken) is not None:
        raise UsageError(f"{model} has a price from {valid_from:%Y-%m-%d %H:%MZ} already; name a later moment")
    _add(connection, [row])


def _add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    if rows:
        connection.execute(insert(AiModelPricing), rows)
        price_unpriced_calls(connection, load_prices(connection))
    return len(rows)


def list_prices(connection: Connection, model: str | None = None) -> list[dict[str, Any]]:
    """All prices, or those of a model, by name, tier, date and size."""
    columns = (*_SET, *_PRICE, "source")
    query = select(*(getattr(AiModelPricing, name) for name in columns))
    if model is not None:
        query = query.where(AiModelPricing.model.in_((model, family_of(model))))
    order = (getattr(AiModelPricing, name) for name in (*_SET, "from_prompt_tokens"))
    return [dict(row._mapping) for row in connection.execute(query.order_by(*order))]


def set_rate(connection: Connection, currency: str, per_usd: Decimal, valid_from: date) -> None:
    """Set what a dollar is worth from a day (UTC) on. Raises ``UsageError`` for what cannot be a currency or a rate."""
    if not re.fullmatch("[A-Z]{3}", currency) or currency == "USD":
        raise UsageError(f"{currency!r} is not the code of another currency, such as EUR")
    if not per_usd.is_finite() or per_usd <= 0:
        raise UsageError("a dollar is worth more than nothing")
    row = {"currency": currency, "valid_from": valid_from, "per_usd": per_usd}
    statement = upsert(CurrencyRate).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["currency", "valid_from"], set_={"per_usd": per_usd})
    )

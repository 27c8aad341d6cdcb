"""The prices in ``ai_model_pricing``: load them, import the catalogue, set one by hand."""

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

_KEY = ("model", "tier", "valid_from")
_VALUES = ("from_prompt_tokens", "input", "cached_input", "cache_write", "output")


def load_prices(connection: Connection) -> PriceList:
    """All prices: some hundreds of rows."""
    columns = [getattr(AiModelPricing, name) for name in Price.__dataclass_fields__]
    return PriceList(Price(*row) for row in connection.execute(select(*columns)))


def import_price_catalogue(connection: Connection) -> int:
    """Add the prices of the installed ``genai-prices`` that the table lacks; returns how many were added.

    It needs no network. A price that a new version of the package corrects is valid from now on: recorded costs do not
    change.
    """
    source = f"genai-prices {version('genai-prices')}"
    imported = select(AiModelPricing.id).where(AiModelPricing.source == source).limit(1)
    if connection.scalar(imported) is not None:
        return 0
    # Another process may import at the same time, so the check is repeated under the lock.
    connection.execute(text("LOCK TABLE livedash.ai_model_pricing IN SHARE ROW EXCLUSIVE MODE"))
    if connection.scalar(imported) is not None:
        return 0
    # Imported here, because the package takes half a second to import.
    from livedash_core.costs.price_catalogue import catalogue_prices

    known: dict[tuple[Any, ...], set[tuple[Any, ...]]] = {}
    stored = select(*(getattr(AiModelPricing, name) for name in (*_KEY, *_VALUES))).where(~AiModelPricing.by_hand)
    for row in connection.execute(stored.order_by(AiModelPricing.valid_from)):
        known.setdefault(row[:3], set()).add(tuple(row[3:]))
    now, new = datetime.now(UTC), []
    for key, group in groupby(catalogue_prices(), key=lambda row: tuple(row[name] for name in _KEY)):
        rows = list(group)
        prices = {tuple(row[name] for name in _VALUES) for row in rows}
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
    """Set the price of ``model`` from ``valid_from`` on, in USD per million tokens, in every tier and mode.

    Calls since then without a price are priced with it. A price set by hand takes precedence over the catalogue's.
    Raises ``UsageError`` if the model already has such a price from the same moment: recorded costs do not change.
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
        raise UsageError("a price needs the name of a model and must not be negative")
    taken = select(AiModelPricing.id).where(
        AiModelPricing.by_hand, AiModelPricing.model == model, AiModelPricing.valid_from == valid_from
    )
    if connection.scalar(taken) is not None:
        raise UsageError(f"{model} has a price from {valid_from:%Y-%m-%d %H:%MZ} already; choose a later time")
    _add(connection, [row])


def _add(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> int:
    if rows:
        connection.execute(insert(AiModelPricing), rows)
        price_unpriced_calls(connection, load_prices(connection))
    return len(rows)


def list_prices(connection: Connection, model: str | None = None) -> list[dict[str, Any]]:
    """All prices, or those of a model, sorted by name, tier, date and size."""
    columns = (*_KEY, *_VALUES, "source")
    query = select(*(getattr(AiModelPricing, name) for name in columns))
    if model is not None:
        query = query.where(AiModelPricing.model.in_((model, family_of(model))))
    order = (getattr(AiModelPricing, name) for name in (*_KEY, "from_prompt_tokens"))
    return [dict(row._mapping) for row in connection.execute(query.order_by(*order))]


def set_rate(connection: Connection, currency: str, per_usd: Decimal, valid_from: date) -> None:
    """Set the exchange rate of a currency from a day (UTC) on. Raises ``UsageError`` for an invalid code or rate."""
    if not re.fullmatch("[A-Z]{3}", currency) or currency == "USD":
        raise UsageError(f"{currency!r} is not the code of a currency other than USD, such as EUR")
    if not per_usd.is_finite() or per_usd <= 0:
        raise UsageError("the rate per US dollar must be greater than 0")
    row = {"currency": currency, "valid_from": valid_from, "per_usd": per_usd}
    statement = upsert(CurrencyRate).values(row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["currency", "valid_from"], set_={"per_usd": per_usd})
    )

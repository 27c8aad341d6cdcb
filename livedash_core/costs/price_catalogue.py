"""The prices of OpenAI's models in the ``genai-prices`` package, as rows for ``ai_model_pricing``.

It needs no network. Importing the package takes half a second, so this module is imported only to import prices.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from genai_prices import types
from genai_prices.data_snapshot import get_snapshot

from livedash_core.costs.pricing import BATCH, STANDARD, Price, PriceList, family_of

_CONTEXTS = {
    STANDARD: {},
    "flex": {"service_tier": "flex"},
    "priority": {"service_tier": "priority"},
    BATCH: {"processing": "batch"},
}
#: ``valid_from`` of a price without a start date in the package.
_ALWAYS = datetime(2020, 1, 1, tzinfo=UTC)


def catalogue_prices() -> Iterator[dict[str, Any]]:
    """Rows of ``ai_model_pricing``: one per name, tier, size and date from which the price is valid."""
    (provider,) = (provider for provider in get_snapshot().providers if provider.id == "openai")
    ids = {model.id for model in provider.models}
    for model in provider.models:
        # A snapshot is priced by the name of its model, unless it has its own prices.
        names = {name for name in _names(model.match) if family_of(name) not in ids and name not in ids}
        prices = list(_prices(model))
        yield from ({"model": name, **price} for name in sorted({model.id, *names}) for price in prices)


def price_list() -> PriceList:
    """The catalogue's prices without a database."""
    return PriceList(Price(id=number, **row) for number, row in enumerate(catalogue_prices()))


def _names(match: types.MatchLogic) -> set[str]:
    """The exact names in a match. The patterns left out match snapshots and models that do not produce text."""
    if isinstance(match, types.ClauseOr):
        return set().union(*map(_names, match.or_))
    return {match.equals} if isinstance(match, types.ClauseEquals) else set()


def _prices(model: types.ModelInfo) -> Iterator[dict[str, Any]]:
    dates = sorted({_ALWAYS, *_dates(model)})
    for tier, context in _CONTEXTS.items():
        previous: types.ModelPrice | None = None
        for date in dates:
            price, standard = model.get_prices(date, context), model.get_prices(date)
            # A tier other than the standard has rows from the day on which its price first differs.
            if price != previous and (tier == STANDARD or previous or price != standard):
                previous = price
                yield from ({"tier": tier, "valid_from": date, **part} for part in _by_size(price))


def _dates(model: types.ModelInfo) -> set[datetime]:
    conditional = model.prices if isinstance(model.prices, list) else []
    constraints = [price.constraint for price in (*conditional, *(model.price_variants or ()))]
    return {
        datetime.combine(constraint.start_date, time.min, UTC)
        for constraint in constraints
        if isinstance(constraint, types.StartDateConstraint)
    }


def _by_size(price: types.ModelPrice) -> Iterator[dict[str, Any]]:
    """The price for each prompt size; none for a model that is not billed by the token."""
    by_kind = (price.input_mtok, price.cache_read_mtok, price.cache_write_mtok, price.output_mtok)
    if price.input_mtok is None or price.output_mtok is None:
        return
    # In the package, a tier applies to prompts with more tokens than its start.
    sizes = {tier.start + 1 for kind in by_kind if isinstance(kind, types.TieredPrices) for tier in kind.tiers}
    for size in sorted({0, *sizes}):
        plain, cached, written, output = (_at(kind, size) for kind in by_kind)
        yield {
            "from_prompt_tokens": size,
            "input": plain,
            # Without their own price they are billed as input.
            "cached_input": plain if cached is None else cached,
            "cache_write": plain if written is None else written,
            "output": output,
        }


def _at(price: Decimal | types.TieredPrices | None, prompt_tokens: int) -> Decimal | None:
    if not isinstance(price, types.TieredPrices):
        return price
    return next((tier.price for tier in reversed(price.tiers) if prompt_tokens > tier.start), price.base)

"""What a call costs: dated prices, and the arithmetic over them; pure and exact."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from livedash_core.costs.ledger import PlannedCall, Usage
from livedash_core.enums import Mode

#: Prices are for so many tokens.
PER_TOKENS = 1_000_000
STANDARD, BATCH = "standard", "batch"
#: The service tier of a response (OpenAI's API reference) -> whose price it has. Any other tier is unpriced.
_TIERS = {
    None: STANDARD,
    "": STANDARD,
    "auto": STANDARD,
    "default": STANDARD,
    "standard": STANDARD,
    "flex": "flex",
    "priority": "priority",
    "fast": "priority",
}
#: A snapshot is billed like the model it is one of: gpt-4o-mini-2024-07-18, o3-20250416.
_SNAPSHOT = re.compile(r"-20\d\d-?[01]\d-?[0-3]\d$")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens, for calls of ``model`` in ``tier`` from ``valid_from`` on.

    It is the price of a whole call whose prompt has ``from_prompt_tokens`` or more: long contexts cost more.
    ``by_hand`` prices were set by an operator; they win over the catalogue's, and hold in every tier.
    """

    id: int
    model: str
    tier: str
    from_prompt_tokens: int
    valid_from: datetime
    input: Decimal
    cached_input: Decimal
    cache_write: Decimal
    output: Decimal
    by_hand: bool = False


class PriceList:
    """The prices there are."""

    def __init__(self, prices: Iterable[Price] = ()) -> None:
        self._prices: dict[str, list[Price]] = defaultdict(list)
        for price in prices:
            self._prices[price.model].append(price)

    def find(
        self, models: Iterable[str | None], mode: Mode, service_tier: str | None, at: datetime, prompt_tokens: int
    ) -> Price | None:
        """The price of a call made ``at`` that time, by the first of ``models`` that has one; None is unpriced.

        A tier without a price of its own costs the standard one, as at OpenAI (gpt-4o has no flex discount).
        """
        tier = BATCH if mode == "batch" else _TIERS.get(service_tier)
        names = (name for model in models if model for name in (model, family_of(model)))
        for name in names:
            held = [price for price in self._prices.get(name, ()) if price.valid_from <= at]
            for wanted in (
                [price for price in held if price.by_hand],
                [price for price in held if price.tier == tier],
                [price for price in held if price.tier == STANDARD and tier is not None],
            ):
                if wanted:
                    return _of_size(wanted, prompt_tokens)
        return None


def family_of(model: str) -> str:
    """The model that a snapshot is one of: ``gpt-4o-mini`` for ``gpt-4o-mini-2024-07-18``; else the name itself."""
    return _SNAPSHOT.sub("", model)


def _of_size(prices: Sequence[Price], prompt_tokens: int) -> Price:
    """Of the latest prices, which come as a set, the one for a prompt of that size."""
    latest = max(price.valid_from for price in prices)
    fitting = [price for price in prices if price.valid_from == latest and prompt_tokens >= price.from_prompt_tokens]
    return max(fitting, key=lambda price: price.from_prompt_tokens)


def cost_of(usage: Usage, price: Price) -> Decimal | None:
    """USD, exact; None when the server did not count the tokens.

    Reasoning tokens are completion tokens. Parts that are larger than their whole are cut: the whole is what counts.
    """
    if usage.prompt_tokens is None or usage.completion_tokens is None:
        return None
    cached = min(usage.cached_tokens or 0, usage.prompt_tokens)
    written = min(usage.cache_write_tokens or 0, usage.prompt_tokens - cached)
    plain = usage.prompt_tokens - cached - written
    return (
        plain * price.input
        + cached * price.cached_input
        + written * price.cache_write
        + usage.completion_tokens * price.output
    ) / PER_TOKENS


def max_cost_of(call: PlannedCall, prices: PriceList, at: datetime) -> Decimal | None:
    """USD, the most that ``call`` can cost: nothing is cached, all of it is written to the cache."""
    price = prices.find((call.model,), call.mode, None, at, call.max_prompt_tokens)
    if price is None:
        return None
    prompt_price = max(price.input, price.cache_write)
    return (call.max_prompt_tokens * prompt_price + call.max_completion_tokens * price.output) / PER_TOKENS

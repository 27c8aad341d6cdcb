"""Calculate the cost of a call from dated prices; pure and exact."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from livedash_core.costs.ledger import PlannedCall, Usage
from livedash_core.enums import Mode

#: The number of tokens that a price is for.
PER_TOKENS = 1_000_000
STANDARD, BATCH = "standard", "batch"
#: The service tier of a response (OpenAI's API reference) → the tier of its price. Any other tier is unpriced.
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
#: A snapshot is billed like its model: gpt-4o-mini-2024-07-18, o3-20250416.
_SNAPSHOT = re.compile(r"-20\d\d-?[01]\d-?[0-3]\d$")


@dataclass(frozen=True, slots=True)
class Price:
    """USD per million tokens, for calls of ``model`` in ``tier`` from ``valid_from`` on.

    It applies to all tokens of a call whose prompt has ``from_prompt_tokens`` or more: long contexts cost more. An
    operator sets ``by_hand`` prices; they take precedence over the catalogue's and apply to every tier.
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
    """All known prices, and the lookup of the one that applies to a call."""

    def __init__(self, prices: Iterable[Price] = ()) -> None:
        self._prices: dict[str, list[Price]] = defaultdict(list)
        for price in prices:
            self._prices[price.model].append(price)

    @property
    def ids(self) -> set[int]:
        """The ids of the prices; a stored price never changes, so that lists with the same ids are equal."""
        return {price.id for prices in self._prices.values() for price in prices}

    def find(
        self,
        models: Sequence[str | None],
        mode: Mode,
        service_tier: str | None,
        at: datetime,
        prompt_tokens: int,
        *,
        openai_prices: bool = True,
    ) -> Price | None:
        """The price of a call made ``at`` that time, or None. ``models`` are the requested one and that which answered.

        A price set by hand for the requested model comes first, because its budget was reserved with it; then one set
        by hand for the model that answered, then the catalogue's for that model. The catalogue's price for the
        requested model applies only if that model answered: a local server answers any name with the model that it has.
        Without ``openai_prices`` the catalogue's do not apply: another server may echo the name of OpenAI's model.
        """
        requested, answered = models[0], (*models, None)[1] or models[0]
        for model in (requested, answered):
            for name in _names(model):
                if by_hand := [price for price in self._valid(name, at) if price.by_hand]:
                    return _latest_for_size(by_hand, prompt_tokens)
        if not openai_prices:
            return None
        tier = BATCH if mode == "batch" else _TIERS.get(service_tier)
        for name in (*_names(answered), *(_names(requested) if _is_kin(requested, answered) else ())):
            valid = self._valid(name, at)
            for candidates in (
                [price for price in valid if price.tier == tier],
                # A tier without its own price has the standard price, as at OpenAI (gpt-4o has no flex discount).
                [price for price in valid if price.tier == STANDARD and tier is not None],
            ):
                if candidates:
                    return _latest_for_size(candidates, prompt_tokens)
        return None

    def _valid(self, model: str, at: datetime) -> list[Price]:
        return [price for price in self._prices.get(model, ()) if price.valid_from <= at]


def _names(model: str | None) -> tuple[str, ...]:
    return (model, family_of(model)) if model else ()


def _is_kin(requested: str | None, answered: str | None) -> bool:
    """Whether ``answered`` can be the model that was requested, under another name: gpt-4o, openai/gpt-4o:extended."""
    return bool(requested and answered and family_of(requested) in answered)


def family_of(model: str) -> str:
    """The model of a snapshot: ``gpt-4o-mini`` for ``gpt-4o-mini-2024-07-18``; any other name is returned unchanged."""
    return _SNAPSHOT.sub("", model)


def _latest_for_size(prices: Sequence[Price], prompt_tokens: int) -> Price:
    """The latest price for a prompt of that size; the prices of all sizes change on the same date."""
    latest = max(price.valid_from for price in prices)
    fitting = [price for price in prices if price.valid_from == latest and prompt_tokens >= price.from_prompt_tokens]
    return max(fitting, key=lambda price: price.from_prompt_tokens)


def cost_of(usage: Usage, price: Price) -> Decimal | None:
    """The exact cost in USD; None when the server did not report the tokens.

    Reasoning tokens are part of the completion tokens. A part that exceeds its total is capped at the total.
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
    """The maximum cost of ``call`` in USD: no token is read from the cache and every one is written to it."""
    price = prices.find((call.model,), call.mode, None, at, call.max_prompt_tokens, openai_prices=call.openai_prices)
    if price is None:
        return None
    prompt_price = max(price.input, price.cache_write)
    return (call.max_prompt_tokens * prompt_price + call.max_completion_tokens * price.output) / PER_TOKENS

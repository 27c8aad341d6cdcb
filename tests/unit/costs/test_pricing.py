"""Our costs equal those that genai-prices calculates, to the last decimal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from genai_prices import Usage as GenaiUsage
from genai_prices import calc_price
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.costs.ledger import PlannedCall, Usage
from livedash_core.costs.price_catalogue import catalogue_prices
from livedash_core.costs.pricing import Price, PriceList, cost_of, max_cost_of
from livedash_core.enums import Mode

PRICES = PriceList(Price(id=number, **row) for number, row in enumerate(catalogue_prices()))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TIERS: list[tuple[Mode, str | None, dict[str, str]]] = [
    ("realtime", None, {}),
    ("realtime", "default", {"service_tier": "default"}),
    ("realtime", "flex", {"service_tier": "flex"}),
    ("realtime", "priority", {"service_tier": "priority"}),
    ("batch", "default", {"processing": "batch"}),
]
#: Text models, new and old, with prices of different structure.
MODELS = (
    *("gpt-6-luna", "gpt-5.6-luna", "gpt-5.4-mini", "gpt-5.5", "gpt-6-astra", "gpt-4o", "gpt-4o-mini", "gpt-4.1", "o3"),
    *("gpt-4o-mini-2024-07-18", "gpt-4o-2024-05-13", "gpt-6-luna-2026-09-01", "gpt-5.4-mini-2026-03-17", "gpt-4-0613"),
)
PRICE = Price(1, "small", "standard", 0, NOW, Decimal("0.10"), Decimal("0.01"), Decimal("0.125"), Decimal("0.50"))


def our_cost(model: str, usage: Usage, mode: Mode = "realtime", tier: str | None = None, at: datetime = NOW) -> Decimal:
    price = PRICES.find((model,), mode, tier, at, usage.prompt_tokens or 0)
    assert price is not None
    cost = cost_of(usage, price)
    assert cost is not None
    return cost


def genai_cost(model: str, usage: Usage, context: dict[str, str], at: datetime = NOW) -> Decimal:
    counted = GenaiUsage(
        input_tokens=usage.prompt_tokens,
        cache_read_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        output_tokens=usage.completion_tokens,
    )
    return calc_price(
        counted, model, provider_id="openai", genai_request_timestamp=at, price_context=context
    ).total_price


@st.composite
def usages(draw: Any) -> Usage:
    prompt = draw(st.integers(0, 1_000_000) | st.sampled_from([0, 1, 271_999, 272_000, 272_001]))
    cached = draw(st.integers(0, prompt))
    return Usage(prompt, cached, draw(st.integers(0, prompt - cached)), draw(st.integers(0, 200_000)), 0)


@given(
    usage=usages(),
    model=st.sampled_from(MODELS),
    tier=st.sampled_from(TIERS),
    at=st.datetimes(datetime(2025, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)),
)
def test_a_cost_equals_the_one_that_genai_prices_calculates(
    usage: Usage, model: str, tier: tuple[Mode, str | None, dict[str, str]], at: datetime
) -> None:
    mode, service_tier, context = tier
    assert our_cost(model, usage, mode, service_tier, at) == genai_cost(model, usage, context, at)


def test_reasoning_tokens_are_billed_once_as_completion_tokens() -> None:
    assert cost_of(Usage(0, 0, 0, 1_000_000, 900_000), PRICE) == Decimal("0.50")


def test_a_single_cached_token_is_not_rounded_away() -> None:
    assert our_cost("gpt-5.4-mini", Usage(1, 1, 0, 0, 0), tier="flex") == Decimal("0.0000000375")


@pytest.mark.parametrize("usage", [Usage(), Usage(prompt_tokens=5), Usage(completion_tokens=5)])
def test_without_token_counts_the_cost_is_unknown_and_not_zero(usage: Usage) -> None:
    assert cost_of(usage, PRICE) is None


def test_cached_tokens_are_capped_at_the_prompt_tokens() -> None:
    assert cost_of(Usage(1_000_000, 2_000_000, 5_000_000, 0, None), PRICE) == Decimal("0.01")
    assert cost_of(Usage(1_000_000, 0, 5_000_000, 0, None), PRICE) == Decimal("0.125")


def test_a_model_without_a_price_has_none() -> None:
    assert PRICES.find(("gpt-6.2-sol", None), "realtime", None, NOW, 0) is None


def test_an_unknown_tier_is_unpriced() -> None:
    assert PRICES.find(("gpt-6-luna",), "realtime", "scale", NOW, 0) is None


@pytest.mark.parametrize(
    ("requested", "answered", "priced_as"),
    [
        ("gpt-6-luna", None, "gpt-6-luna"),
        ("gpt-6-luna", "gpt-6-luna-2026-09-01", "gpt-6-luna"),
        ("gpt-6-luna", "eu.gpt-6-luna-preview", "gpt-6-luna"),
        ("gpt-6-luna", "gpt-4o", "gpt-4o"),
        ("small", "gpt-4o-2024-11-20", "gpt-4o"),
        ("gpt-6-luna", "qwen2.5-7b-instruct-q4_k_m.gguf", None),
        ("gpt-6-luna", "/models/mistral.gguf", None),
        ("who-knows", "no-one", None),
    ],
)
def test_the_catalogue_prices_the_model_that_answered(
    requested: str, answered: str | None, priced_as: str | None
) -> None:
    found = PRICES.find((requested, answered), "realtime", None, NOW, 0)
    assert (found and found.model) == priced_as


@pytest.mark.parametrize(
    ("by_hand", "requested", "answered", "priced_as"),
    [
        (("gpt-4o",), "gpt-4o", "gpt-4o-2024-11-20", "gpt-4o"),
        (("gpt-4o",), "gpt-4o-2024-11-20", "gpt-4o-2024-11-20", "gpt-4o"),
        (("small",), "small", "gpt-4o", "small"),
        (("gpt-4o",), "small", "gpt-4o", "gpt-4o"),
        (("small", "gpt-4o"), "small", "gpt-4o", "small"),
        (("small",), "small", "qwen.gguf", "small"),
        (("small",), "small", None, "small"),
    ],
)
def test_a_price_set_by_hand_comes_first_in_bill_and_budget(
    by_hand: tuple[str, ...], requested: str, answered: str | None, priced_as: str
) -> None:
    nothing = dict.fromkeys(("input", "cached_input", "cache_write", "output"), Decimal(0))
    free = [replace(PRICE, model=name, by_hand=True, **nothing) for name in by_hand]
    catalogue = [replace(PRICE, model=name) for name in ("gpt-4o", "gpt-4o-2024-11-20")]
    prices = PriceList([*catalogue, *free])
    found = prices.find((requested, answered), "realtime", None, NOW, 0)
    assert found is not None
    assert (found.model, found.by_hand) == (priced_as, True)
    if requested in by_hand:
        assert max_cost_of(PlannedCall(uuid4(), uuid4(), requested, "1", 9, 9), prices, NOW) == 0


def test_at_another_server_only_prices_set_by_hand_apply() -> None:
    def find(models: tuple[str, str | None], *by_hand: str) -> Price | None:
        catalogue = [replace(PRICE, model=name) for name in ("gpt-4o", "gpt-4o-mini")]
        prices = PriceList([*catalogue, *(replace(PRICE, model=name, by_hand=True) for name in by_hand)])
        call = PlannedCall(uuid4(), uuid4(), models[0], "1", 9, 9, openai_prices=False)
        found = prices.find(models, "realtime", None, NOW, 0, openai_prices=False)
        assert (max_cost_of(call, prices, NOW) is None) == (found is None or found.model != models[0])
        return found

    assert find(("gpt-4o", None)) is None
    assert find(("gpt-4o", "gpt-4o-2024-11-20")) is None
    assert find(("small", "gpt-4o-mini")) is None
    found = find(("gpt-4o", "gpt-4o-mini"), "gpt-4o")
    assert found is not None
    assert found.by_hand
    assert find(("small", "gpt-4o-mini"), "gpt-4o-mini") is not None


def test_a_price_set_by_hand_takes_precedence_in_every_tier_from_its_date() -> None:
    by_hand = replace(PRICE, by_hand=True, input=Decimal(7))
    prices = PriceList([replace(PRICE, valid_from=NOW - timedelta(days=9)), by_hand])
    for mode, tier in (("realtime", None), ("realtime", "scale"), ("batch", None)):
        assert prices.find(("small",), mode, tier, NOW, 0) == by_hand  # type: ignore[arg-type] # literals in a tuple
    before = prices.find(("small",), "realtime", None, NOW - timedelta(seconds=1), 0)
    assert before is not None
    assert before.input == PRICE.input


def test_the_maximum_cost_is_never_below_the_actual_cost() -> None:
    call = PlannedCall(uuid4(), uuid4(), "gpt-6-luna", "1", 300_000, 4_096)
    most = max_cost_of(call, PRICES, NOW)
    assert most is not None
    for usage in (Usage(300_000, 0, 300_000, 4_096, 0), Usage(272_000, 0, 272_000, 4_096, 0), Usage(5, 0, 0, 4_096, 0)):
        assert most >= our_cost("gpt-6-luna", usage)

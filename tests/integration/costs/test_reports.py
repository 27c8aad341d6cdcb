from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import get_args
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, text, update

from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.costs.ledger_store import add_reused, close_calls, mark_unusable, open_calls
from livedash_core.costs.prices import load_prices, set_price, set_rate
from livedash_core.costs.reports import CostLine, Costs, Forecast, Grouping, forecast, read_costs
from livedash_core.errors import UsageError
from livedash_core.models import AiProcessingRequest
from tests.integration.records import Records
from tests.integration.status.plans import Mode, explained

FIRST, SECOND = date(2026, 5, 1), date(2026, 5, 2)
ANSWER = CallEnd("answered", usage=Usage(1_000, 400, 100, 50, 20))


@pytest.fixture
def companies(engine: Engine, records: Records) -> tuple[UUID, UUID]:
    """Acme: two answered calls (one unusable) and an unknown one. Other: an answer a day later and an open call."""
    acme, other = records.company("Acme"), records.company("Other")
    with engine.begin() as connection:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        for model in ("small", "large"):
            price = Decimal(1 if model == "small" else 10)
            set_price(connection, model, valid_from=long_ago, input_=price, output=price)
    used, _, _ = called(engine, acme, "small", FIRST, ANSWER, ANSWER, CallEnd("unknown"))
    called(engine, acme, "home-made", FIRST, ANSWER)
    called(engine, other, "large", SECOND, ANSWER, None)
    with engine.begin() as connection:
        mark_unusable(connection, {used: "not JSON"})
        add_reused(connection, {(acme, "small"): 7})
    return acme, other


def called(engine: Engine, company: UUID, model: str, day: date, *ends: CallEnd | None) -> list[UUID]:
    with engine.begin() as connection:
        prices = load_prices(connection)
        rows = open_calls(connection, [PlannedCall(uuid4(), company, model, "1", 2_000, 1_000) for _ in ends], prices)
        at = datetime(day.year, day.month, day.day, 23, 59, tzinfo=UTC)
        table = AiProcessingRequest
        connection.execute(update(table).where(table.id.in_(rows)).values(requested_at=at))
        close_calls(connection, {row: end for row, end in zip(rows, ends, strict=True) if end}, prices)
    return rows


def costs(engine: Engine, by: Grouping = "day", **options: object) -> Costs:
    with engine.connect() as connection:
        return read_costs(connection, by=by, **options)  # type: ignore[arg-type] # as its caller wrote them


def test_a_line_has_every_count_and_cost(engine: Engine, companies: tuple[UUID, UUID]) -> None:
    first = next(line for line in costs(engine).lines if line.key == "2026-05-01")
    assert first == CostLine(
        key="2026-05-01",
        requests=4,
        answered=3,
        unknown=1,
        unpriced=1,
        unusable=1,
        prompt_tokens=3_000,
        cached_tokens=1_200,
        cache_write_tokens=300,
        completion_tokens=150,
        reasoning_tokens=60,
        cost_usd=Decimal("0.0021"),
        uncertain_usd=Decimal("0.003"),  # of the unknown call: 3 000 tokens at most
    )


def test_days_are_sorted_newest_first_and_other_lines_by_cost(engine: Engine, companies: tuple[UUID, UUID]) -> None:
    assert [line.key for line in costs(engine).lines][1:] == ["2026-05-02", "2026-05-01"]  # the reused ones: today
    assert [line.key for line in costs(engine, "company").lines] == ["Other", "Acme"]
    assert [line.key for line in costs(engine, "model").lines] == ["large", "small", "home-made"]


def test_the_total_is_the_same_for_every_grouping(engine: Engine, companies: tuple[UUID, UUID]) -> None:
    totals = {costs(engine, by).total for by in ("day", "company", "model")}
    (total,) = totals
    assert (total.key, total.requests, total.sent, total.reused) == ("total", 6, 1, 7)
    assert total.cost_usd == Decimal("0.0126")
    assert sum(line.cost_usd for line in costs(engine, "model").lines) == total.cost_usd
    assert total.uncertain_usd == Decimal("0.033")


def test_companies_and_days_filter_the_report(engine: Engine, companies: tuple[UUID, UUID]) -> None:
    acme, _ = companies
    assert [line.key for line in costs(engine, "company", company_ids=[acme]).lines] == ["Acme"]
    assert costs(engine, company_ids=[]).total == CostLine("total")
    assert [line.key for line in costs(engine, first_day=SECOND, last_day=SECOND).lines] == ["2026-05-02"]
    assert costs(engine, last_day=FIRST).total.requests == 4


def test_each_day_is_converted_at_its_own_rate(engine: Engine, companies: tuple[UUID, UUID]) -> None:
    with engine.begin() as connection:
        set_rate(connection, "EUR", Decimal("0.9"), date(2026, 1, 1))
        set_rate(connection, "EUR", Decimal("0.8"), SECOND)
    found = costs(engine, "company", currency="EUR")
    assert [(line.key, line.cost) for line in found.lines] == [
        ("Other", Decimal("0.0084")),
        ("Acme", Decimal("0.00189")),
    ]
    assert found.total.cost == Decimal("0.01029")


def test_a_day_without_a_rate_has_no_converted_cost(engine: Engine, companies: tuple[UUID, UUID]) -> None:
    with engine.begin() as connection:
        set_rate(connection, "EUR", Decimal("0.8"), SECOND)
    found = costs(engine, currency="EUR")
    assert [line.cost for line in found.lines] == [0, Decimal("0.0084"), None]
    assert found.total.cost is None


def test_invalid_groupings_currencies_and_rates_are_refused(engine: Engine) -> None:
    with pytest.raises(UsageError, match="not by 'week'"):
        costs(engine, "week")  # type: ignore[arg-type] # that is the point
    with pytest.raises(UsageError, match="livedash price rate CHF"):
        costs(engine, currency="CHF")
    with engine.begin() as connection:
        for currency, rate in (("euro", "1"), ("USD", "1"), ("EUR", "0"), ("EUR", "NaN")):
            with pytest.raises(UsageError):
                set_rate(connection, currency, Decimal(rate), FIRST)


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize("by", get_args(Grouping))
def test_a_report_reads_only_open_calls_of_the_ledger(
    engine: Engine, companies: tuple[UUID, UUID], by: Grouping, mode: Mode
) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO livedash.ai_processing_request "
                "    (id, session_id, company_id, prompt_version, model_requested, outcome, cost) "
                "SELECT gen_random_uuid(), gen_random_uuid(), :acme, '1', 'small', 'answered', 1 "
                "FROM generate_series(1, 5000)"
            ),
            {"acme": companies[0]},
        )
        connection.execute(text("ANALYZE livedash.ai_processing_request"))
    with explained(engine, mode) as plan:
        costs(engine, by)
    assert plan.rows["ai_processing_request"] == 1
    assert plan.rows["ai_cost_daily"] == 5


def test_the_forecast_is_based_on_the_last_call_of_each_session(engine: Engine, companies: tuple[UUID, UUID]) -> None:
    acme, _ = companies
    with engine.begin() as connection:
        prices = load_prices(connection)
        twice, once, unpriced = uuid4(), uuid4(), uuid4()
        calls = [(twice, "large", 9_000), (twice, "small", 2_000), (once, "large", 500), (unpriced, "home-made", 500)]
        for hour, (session, model, tokens) in enumerate(calls):
            (row,) = open_calls(connection, [PlannedCall(session, acme, model, "1", tokens, 1_000)], prices)
            at = datetime(2026, 5, 3, hour, tzinfo=UTC)
            connection.execute(update(AiProcessingRequest).where(AiProcessingRequest.id == row).values(requested_at=at))
        found = forecast(connection, [twice, once, unpriced, uuid4()])
        assert found == Forecast(Decimal("0.018"), unknown=2)  # 3 000 small tokens, 1 500 large ones
        assert forecast(connection, []) == (0, 0)


def test_an_empty_ledger_has_no_costs(engine: Engine) -> None:
    assert costs(engine) == Costs("day", None, (), CostLine("total"))

"""The daily totals always equal the sums of the rows, and unknown costs stay visible."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, OperationalError

from livedash_core.costs import ledger_writer
from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.costs.ledger_store import (
    abandon_calls,
    add_reused,
    add_to_totals,
    close_calls,
    mark_unusable,
    open_calls,
    recount,
    stored_totals,
)
from livedash_core.costs.ledger_writer import DatabaseLedger
from livedash_core.costs.prices import import_price_catalogue, load_prices, set_price
from livedash_core.enums import Mode
from livedash_core.errors import UsageError
from livedash_core.models import AiCostDaily, AiModelPricing, AiProcessingRequest

COMPANY, OTHER = UUID(int=1), UUID(int=2)
USAGE = Usage(1_000_000, 0, 0, 100_000, 0)


def planned(company_id: UUID = COMPANY, model: str = "gpt-6-luna", mode: Mode = "realtime") -> PlannedCall:
    return PlannedCall(uuid4(), company_id, model, "1", 2_000, 1_000, mode)


@pytest.fixture(autouse=True)
def _prices(engine: Engine) -> None:
    with engine.begin() as connection:
        import_price_catalogue(connection)


def make_calls(engine: Engine, calls: dict[PlannedCall, CallEnd]) -> list[UUID]:
    with engine.begin() as connection:
        prices = load_prices(connection)
        rows = open_calls(connection, list(calls), prices)
        close_calls(connection, dict(zip(rows, calls.values(), strict=True)), prices)
    return rows


def stored(engine: Engine, row: UUID) -> Any:
    table = AiProcessingRequest.__table__
    with engine.connect() as connection:
        return connection.execute(select(table).where(table.c.id == row)).one()


def make_an_hour_old(connection: Connection, rows: list[UUID]) -> None:
    table = AiProcessingRequest
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    connection.execute(update(table).where(table.id.in_(rows)).values(requested_at=an_hour_ago))


def assert_totals_match_rows(engine: Engine) -> None:
    with engine.connect() as connection:
        assert stored_totals(connection) == recount(connection)


def test_a_call_has_the_price_of_the_model_that_answered(engine: Engine) -> None:
    (row,) = make_calls(
        engine, {planned(model="luna"): CallEnd("answered", None, "gpt-6-luna-2026-09-01", usage=USAGE)}
    )
    found = stored(engine, row)
    assert found.cost == Decimal("0.275")  # more than 272 000 tokens: .2 in, .75 out a million
    with engine.connect() as connection:
        price = connection.execute(select(AiModelPricing.__table__).where(AiModelPricing.id == found.pricing_id)).one()
    assert (price.model, price.tier, price.from_prompt_tokens) == ("gpt-6-luna", "standard", 272_001)
    assert_totals_match_rows(engine)


def test_a_batch_costs_half(engine: Engine) -> None:
    (row,) = make_calls(engine, {planned(mode="batch"): CallEnd("answered", service_tier="default", usage=USAGE)})
    assert stored(engine, row).cost == Decimal("0.1375")


def test_a_rejected_call_costs_zero_and_an_unknown_cost_is_null(engine: Engine) -> None:
    ends = (
        CallEnd("rejected", "no"),
        CallEnd("unknown", "silence"),
        CallEnd("answered"),
        CallEnd("answered", usage=USAGE),
    )
    models = ("gpt-6-luna", "gpt-6-luna", "gpt-6-luna", "home-made")
    rows = make_calls(engine, {planned(model=model): end for model, end in zip(models, ends, strict=True)})
    assert [stored(engine, row).cost for row in rows] == [0, None, None, None]
    assert [stored(engine, row).max_cost for row in rows] == [Decimal("0.00075")] * 3 + [None]
    assert_totals_match_rows(engine)


def test_an_unusable_reply_is_counted_once_even_if_marked_twice(engine: Engine) -> None:
    answered, refused = make_calls(
        engine, {planned(): CallEnd("answered", usage=USAGE), planned(): CallEnd("rejected", "no")}
    )
    for _ in range(2):
        with engine.begin() as connection:
            mark_unusable(connection, {answered: "not JSON", refused: "an error in a 200"})
    assert_totals_match_rows(engine)
    with engine.connect() as connection:
        assert connection.scalar(select(func.sum(AiCostDaily.unusable))) == 1


def test_an_abandoned_realtime_call_becomes_unknown(engine: Engine) -> None:
    with engine.begin() as connection:
        prices = load_prices(connection)
        old, fresh, batch = open_calls(connection, [planned(), planned(), planned(mode="batch")], prices)
        make_an_hour_old(connection, [old, batch])
    with engine.begin() as connection:
        assert abandon_calls(connection) == {old}
    assert [stored(engine, row).outcome for row in (old, fresh, batch)] == ["unknown", "sent", "sent"]
    assert stored(engine, old).cost is None
    assert_totals_match_rows(engine)


async def test_a_new_ledger_closes_abandoned_calls(engine: Engine) -> None:
    with engine.begin() as connection:
        (old,) = open_calls(connection, [planned()], load_prices(connection))
        make_an_hour_old(connection, [old])
    ledger = DatabaseLedger(engine)
    await ledger.open_call(planned())
    await ledger.close()
    assert stored(engine, old).outcome == "unknown"


async def test_concurrent_calls_are_all_recorded_and_in_the_totals(engine: Engine) -> None:
    ledgers = [DatabaseLedger(engine) for _ in range(3)]

    async def call(number: int) -> None:
        ledger = ledgers[number % 3]
        row = await ledger.open_call(planned((COMPANY, OTHER)[number % 2]))
        await ledger.close_call(row, CallEnd("answered", usage=USAGE))
        if number % 5 == 0:
            await ledger.mark_unusable(row, "not JSON")

    await asyncio.gather(*map(call, range(200)))
    for ledger in ledgers:
        await ledger.close()
    assert_totals_match_rows(engine)
    with engine.connect() as connection:
        sums = connection.execute(select(func.sum(AiCostDaily.requests), func.sum(AiCostDaily.cost))).one()
    assert tuple(sums) == (200, 200 * Decimal("0.275"))


async def test_a_call_that_is_cancelled_while_it_is_opened_is_rejected(engine: Engine) -> None:
    ledger = DatabaseLedger(engine)
    opening = asyncio.create_task(ledger.open_call(planned()))
    await asyncio.sleep(0)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await ledger.close()
    with engine.connect() as connection:
        assert connection.scalars(select(AiProcessingRequest.outcome)).all() == ["rejected"]


async def test_a_change_that_the_database_refuses_does_not_fail_the_others(engine: Engine) -> None:
    ledger = DatabaseLedger(engine)
    good, bad = await ledger.open_call(planned()), await ledger.open_call(planned())
    results = await asyncio.gather(
        ledger.close_call(good, CallEnd("answered", usage=USAGE)),
        ledger.close_call(bad, CallEnd("answered", "a NUL: \0")),
        return_exceptions=True,
    )
    await ledger.close()
    assert results[0] is None
    assert isinstance(results[1], Exception)
    assert (stored(engine, good).outcome, stored(engine, bad).outcome) == ("answered", "sent")


def end_connections(engine: Engine) -> None:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
            )
        )


async def test_a_closed_connection_is_replaced(engine: Engine) -> None:
    ledger = DatabaseLedger(engine)
    row = await ledger.open_call(planned())
    end_connections(engine)
    await ledger.close_call(row, CallEnd("answered", usage=USAGE))
    await ledger.close()
    assert stored(engine, row).outcome == "answered"


def test_the_catalogue_is_imported_once(engine: Engine) -> None:
    with engine.begin() as connection:
        assert import_price_catalogue(connection) == 0
        assert connection.scalar(select(func.count(AiModelPricing.id))) > 400


def test_a_corrected_catalogue_price_is_valid_from_now_on(engine: Engine) -> None:
    (row,) = make_calls(engine, {planned(): CallEnd("answered", usage=Usage(1_000_000, 0, 0, 0, 0))})
    with engine.begin() as connection:  # as an older version of the package had it
        table = AiModelPricing
        connection.execute(update(table).values(source="genai-prices 0"))
        connection.execute(update(table).where(table.model == "gpt-4o").values(input=9 * table.input))
        assert import_price_catalogue(connection) == 3  # standard, priority, batch
        assert import_price_catalogue(connection) == 0
        prices = load_prices(connection)
    then = prices.find(("gpt-4o",), "realtime", None, datetime(2026, 1, 1, tzinfo=UTC), 0)
    now = prices.find(("gpt-4o",), "realtime", None, datetime.now(UTC), 0)
    assert then is not None
    assert now is not None
    assert (then.input, now.input) == (Decimal("22.5"), Decimal("2.5"))
    assert stored(engine, row).cost == Decimal("0.2")


def test_a_price_set_by_hand_prices_earlier_unpriced_calls(engine: Engine) -> None:
    (row,) = make_calls(engine, {planned(model="home-made"): CallEnd("answered", usage=USAGE)})
    yesterday = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with engine.begin() as connection:
        set_price(connection, "home-made", valid_from=yesterday, input_=Decimal(0), output=Decimal(1))
    assert stored(engine, row).cost == Decimal("0.1")
    assert_totals_match_rows(engine)
    with engine.begin() as connection, pytest.raises(UsageError, match="has a price from"):
        set_price(connection, "home-made", valid_from=yesterday, input_=Decimal(0), output=Decimal(2))


def price_home_made(engine: Engine) -> None:
    with engine.begin() as connection:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        set_price(connection, "home-made", valid_from=long_ago, input_=Decimal(0), output=Decimal(1))


async def open_home_made(ledger: DatabaseLedger) -> UUID:
    row = await ledger.open_call(planned(model="home-made"))
    assert isinstance(row, UUID)
    return row


async def close_answered(ledger: DatabaseLedger, row: UUID) -> None:
    await ledger.close_call(row, CallEnd("answered", usage=USAGE))


async def test_calls_closed_with_an_older_price_list_are_priced_when_their_ledger_reads_the_new_one(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = DatabaseLedger(engine), DatabaseLedger(engine)
    rows = [await open_home_made(ledger) for ledger in (first, second, first)]
    price_home_made(engine)
    await close_answered(first, rows[0])
    assert stored(engine, rows[0]).cost is None

    # A minute is over for the first ledger. The change with which it reads the list is refused.
    monkeypatch.setattr(ledger_writer, "_PRICE_LIST_SECONDS", -1)
    with pytest.raises(DBAPIError):
        await first.close_call(rows[2], CallEnd("answered", "a NUL: \0"))
    assert stored(engine, rows[0]).cost == Decimal("0.1")

    # The second one still has the older list.
    monkeypatch.undo()
    await close_answered(second, rows[1])
    assert stored(engine, rows[1]).cost is None
    monkeypatch.setattr(ledger_writer, "_PRICE_LIST_SECONDS", -1)
    await open_home_made(second)
    assert stored(engine, rows[1]).cost == Decimal("0.1")
    for ledger in (first, second):
        await ledger.close()
    assert_totals_match_rows(engine)


async def test_a_ledger_that_ends_prices_what_it_closed_with_an_older_price_list(engine: Engine) -> None:
    ledgers = [DatabaseLedger(engine) for _ in range(2)]
    rows = [await open_home_made(ledger) for ledger in ledgers]
    price_home_made(engine)
    for ledger, row in zip(ledgers, rows, strict=True):
        await close_answered(ledger, row)
        assert stored(engine, row).cost is None
        await ledger.close()
        assert stored(engine, row).cost == Decimal("0.1")
    assert_totals_match_rows(engine)


async def test_a_ledger_ends_without_an_error_if_the_database_is_gone_by_then(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = DatabaseLedger(engine)
    row = await open_home_made(ledger)
    await close_answered(ledger, row)
    end_connections(engine)
    attempts = []

    def refuse() -> None:
        attempts.append("connect")
        raise OperationalError("", {}, Exception("gone"))

    with monkeypatch.context() as gone:
        gone.setattr(engine, "connect", refuse)
        await ledger.close()
    assert attempts == ["connect"]
    assert stored(engine, row).outcome == "answered"


def test_migrated_rows_are_added_and_other_currencies_are_not_counted_as_usd(engine: Engine) -> None:
    moved = [
        {"id": uuid4(), "session_id": uuid4(), "company_id": COMPANY, "model_requested": "m", "prompt_version": ""}
        | {"outcome": "answered", "cost": Decimal(5), "currency": currency}
        for currency in ("USD", "EUR")
    ]
    with engine.begin() as connection:
        connection.execute(insert(AiProcessingRequest), moved)
        add_to_totals(connection, [row["id"] for row in moved])
        sums = connection.execute(select(AiCostDaily.requests, AiCostDaily.unpriced, AiCostDaily.cost)).one()
    assert tuple(sums) == (2, 1, 5)
    assert_totals_match_rows(engine)


def test_a_reused_analysis_is_counted_but_not_as_a_call(engine: Engine) -> None:
    with engine.begin() as connection:
        add_reused(connection, {(OTHER, "m"): 2, (COMPANY, "m"): 1})
        add_reused(connection, {(COMPANY, "m"): 4})
        add_reused(connection, {})
    with engine.connect() as connection:
        table = AiCostDaily.__table__
        rows = connection.execute(
            select(table.c.company_id, table.c.outcome, table.c.requests).order_by(table.c.company_id)
        )
        assert [tuple(row) for row in rows] == [(COMPANY, "reused", 5), (OTHER, "reused", 2)]

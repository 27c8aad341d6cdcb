"""Budgets are reserved before a call, so that concurrent calls cannot overrun them."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Engine, update

from livedash_core.costs.ledger import CallEnd, PlannedCall, Usage
from livedash_core.costs.ledger_store import abandon_calls, close_calls, open_calls
from livedash_core.costs.ledger_writer import DatabaseLedger
from livedash_core.costs.prices import load_prices, set_price
from livedash_core.errors import SystemicError
from livedash_core.models import AiProcessingRequest, Company
from livedash_core.outcomes import Deferred
from tests.integration.records import Records

#: A call of at most 2 million tokens at one dollar per million.
MAX_COST, CHEAP = Decimal(2), Usage(100_000, 0, 0, 0, 0)


@pytest.fixture
def acme(engine: Engine, records: Records) -> UUID:
    with engine.begin() as connection:
        long_ago = datetime(2020, 1, 1, tzinfo=UTC)
        set_price(connection, "small", valid_from=long_ago, input_=Decimal(1), output=Decimal(1))
    return records.company("Acme", monthly_budget_usd=10)


def planned(company_id: UUID, model: str = "small") -> PlannedCall:
    return PlannedCall(uuid4(), company_id, model, "1", 1_000_000, 1_000_000)


def open_in_transaction(engine: Engine, *calls: PlannedCall) -> list[UUID | Deferred | SystemicError]:
    with engine.begin() as connection:
        return open_calls(connection, calls, load_prices(connection))


def close(engine: Engine, row: object, call_end: CallEnd) -> None:
    assert isinstance(row, UUID)
    with engine.begin() as connection:
        close_calls(connection, {row: call_end}, load_prices(connection))


def count_opened(answers: list[UUID | Deferred | SystemicError]) -> int:
    return sum(isinstance(answer, UUID) for answer in answers)


def test_calls_over_the_budget_are_deferred_with_the_reason(engine: Engine, acme: UUID) -> None:
    answers = open_in_transaction(engine, *(planned(acme) for _ in range(7)))
    assert count_opened(answers) == 5
    assert isinstance(answers[-1], Deferred)
    assert answers[-1].reason == "budget"
    assert str(answers[-1]).startswith("Acme's budget of $10.00 a month has no room for another call")
    assert count_opened(open_in_transaction(engine, planned(acme))) == 0


def test_closing_a_call_releases_the_unused_reservation_unless_its_cost_is_unknown(engine: Engine, acme: UUID) -> None:
    rows = open_in_transaction(engine, *(planned(acme) for _ in range(5)))
    close(engine, rows[0], CallEnd("answered", usage=CHEAP))
    assert count_opened(open_in_transaction(engine, planned(acme))) == 0  # 8.1 of 10 are spent or reserved
    close(engine, rows[1], CallEnd("rejected", "no"))
    close(engine, rows[2], CallEnd("unknown", "silence"))
    assert count_opened(open_in_transaction(engine, planned(acme), planned(acme))) == 1


def test_an_abandoned_call_keeps_its_reservation(engine: Engine, acme: UUID) -> None:
    open_in_transaction(engine, *(planned(acme) for _ in range(5)))
    with engine.begin() as connection:
        assert len(abandon_calls(connection, older_than_seconds=-1)) == 5
    assert count_opened(open_in_transaction(engine, planned(acme))) == 0


def test_a_new_month_and_a_higher_budget_allow_further_calls(engine: Engine, acme: UUID) -> None:
    for row in open_in_transaction(engine, *(planned(acme) for _ in range(5))):
        with engine.begin() as connection:
            last_month = datetime.now(UTC).replace(day=1, hour=0, minute=0) - timedelta(minutes=1)
            table = AiProcessingRequest
            connection.execute(update(table).where(table.id == row).values(requested_at=last_month))
        close(engine, row, CallEnd("answered", usage=Usage(2_000_000, 0, 0, 0, 0)))
    assert count_opened(open_in_transaction(engine, *(planned(acme) for _ in range(6)))) == 5
    with engine.begin() as connection:
        connection.execute(update(Company).values(monthly_budget_usd=12))
    assert count_opened(open_in_transaction(engine, planned(acme), planned(acme))) == 1


def test_a_model_without_a_price_cannot_be_used_within_a_budget(engine: Engine, acme: UUID, records: Records) -> None:
    other = records.company("Other")
    answers = open_in_transaction(engine, planned(acme, "home-made"), planned(other, "home-made"))
    assert isinstance(answers[0], SystemicError)
    assert answers[0].company_id == acme
    assert "livedash price set home-made" in str(answers[0])
    assert isinstance(answers[1], UUID)


def test_a_suspended_company_makes_no_further_calls(engine: Engine, acme: UUID) -> None:
    with engine.begin() as connection:
        connection.execute(update(Company).values(status="SUSPENDED"))
    (answer,) = open_in_transaction(engine, planned(acme))
    assert isinstance(answer, Deferred)
    assert (answer.reason, str(answer)) == ("status", "Acme is SUSPENDED: only ACTIVE companies are processed")


def test_concurrent_processes_cannot_overrun_a_budget(engine: Engine, acme: UUID) -> None:
    def process(_number: int) -> Decimal:
        async def run() -> Decimal:
            ledger, paid = DatabaseLedger(engine), Decimal(0)

            async def call() -> Decimal:
                row = await ledger.open_call(planned(acme))
                if isinstance(row, Deferred):
                    return Decimal(0)
                await ledger.close_call(row, CallEnd("answered", usage=Usage(1_500_000, 0, 0, 0, 0)))
                return Decimal("1.5")

            for _ in range(3):
                paid += sum(await asyncio.gather(*(call() for _ in range(8))), Decimal(0))
            await ledger.close()
            return paid

        return asyncio.run(run())

    with ThreadPoolExecutor(4) as processes:
        paid = sum(processes.map(process, range(4)), Decimal(0))
    assert Decimal(8) < paid <= Decimal(10)

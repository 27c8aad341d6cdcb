"""The shared rate limiter, by the database's clock."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, select, text

from livedash_core.costs.ledger import CallEnd, PlannedCall, RateLimitUpdate
from livedash_core.costs.ledger_writer import DatabaseLedger
from livedash_core.costs.rate_limiter import Limits, RateLimit, reserve_calls, store_rate_limits
from livedash_core.models import AiProcessingRequest, RateLimitState
from livedash_core.outcomes import Deferred

START = datetime(2026, 1, 1, tzinfo=UTC)
UPDATE = RateLimitUpdate("key", "small")


def planned(connection: str = "key", model: str = "small", tokens: int = 1_000) -> PlannedCall:
    return PlannedCall(uuid4(), uuid4(), model, "1", tokens, 0, connection=connection)


def row(engine: Engine) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(RateLimitState.__table__)).one()


@given(
    limit=st.integers(1, 600),
    arrivals=st.lists(st.floats(0, 5), min_size=1, max_size=200),
    tokens=st.integers(0, 50_000),
)
def test_no_minute_has_more_calls_than_the_limit(limit: int, arrivals: list[float], tokens: int) -> None:
    state, now, made = RateLimit(limit, 1_000_000, START, START, START), START, []
    for pause in arrivals:
        now += timedelta(seconds=pause)
        made.append(now + state.reserve(tokens, now))
    for first in made:
        within = sum(first <= each < first + timedelta(minutes=1) for each in made)
        assert within <= limit + 1  # a whole call more: the first of a pause
        assert within * tokens <= 1_000_000 + tokens


def test_without_limits_there_is_no_delay_and_nothing_is_written(connection: Connection) -> None:
    assert reserve_calls(connection, [planned() for _ in range(100)]) == [0.0] * 100
    assert connection.execute(select(RateLimitState.__table__)).all() == []


def test_a_reported_limit_is_shared_and_a_lower_operator_limit_takes_precedence(connection: Connection) -> None:
    store_rate_limits(connection, [RateLimitUpdate("key", "small", requests_per_minute=60)])
    first = reserve_calls(connection, [planned(), planned(), planned(model="other"), planned("other")])
    assert first[0] == first[2] == first[3] == 0
    second = reserve_calls(connection, [planned() for _ in range(4)])  # another process, a moment later
    assert second == sorted(second)
    assert second[-1] > 2
    assert max(reserve_calls(connection, [planned("mine") for _ in range(3)], Limits(requests_per_minute=6))) > 10


def test_the_maximum_tokens_count_and_a_call_above_the_limit_passes_alone(connection: Connection) -> None:
    store_rate_limits(connection, [RateLimitUpdate("key", "small", tokens_per_minute=60_000)])
    assert reserve_calls(connection, [planned(tokens=600_000)]) == [0.0]  # ten minutes' worth
    (wait,) = reserve_calls(connection, [planned(tokens=1)])
    assert 590 < wait < 640


def test_delayed_calls_are_not_reserved(connection: Connection) -> None:
    store_rate_limits(connection, [RateLimitUpdate("key", "small", requests_per_minute=1)])
    reserve_calls(connection, [planned()])
    before = connection.execute(select(RateLimitState.requests_until)).scalar_one()
    assert min(reserve_calls(connection, [planned() for _ in range(50)])) > 50
    assert connection.execute(select(RateLimitState.requests_until)).scalar_one() == before


def test_each_refusal_blocks_longer_and_concurrent_refusals_count_once(engine: Engine, connection: Connection) -> None:
    refused = RateLimitUpdate("key", "small", refused=True)
    blocks = []
    for _ in range(4):
        store_rate_limits(connection, [refused, refused, refused])
        (wait,) = reserve_calls(connection, [planned()])
        blocks.append(round(wait))
        connection.execute(text("UPDATE livedash.rate_limit_state SET blocked_until = now() - interval '1 s'"))
    assert blocks == [2, 4, 8, 16]
    assert row(engine).refusals == 4
    store_rate_limits(connection, [UPDATE])
    assert row(engine).refusals == 0


def test_retry_after_is_honoured_and_never_shortened(connection: Connection) -> None:
    store_rate_limits(connection, [RateLimitUpdate("key", "small", retry_after_seconds=600, refused=True)])
    store_rate_limits(connection, [RateLimitUpdate("key", "small", retry_after_seconds=3, refused=True)])
    (wait,) = reserve_calls(connection, [planned()])
    assert 590 < wait <= 600


async def test_a_short_delay_is_waited_for_and_a_long_one_defers_the_session(engine: Engine) -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        with engine.begin() as connection:  # the time passes
            connection.execute(text("UPDATE livedash.rate_limit_state SET blocked_until = now()"))

    ledger = DatabaseLedger(engine, sleep=sleep)
    with engine.begin() as connection:
        store_rate_limits(connection, [RateLimitUpdate("key", "small", retry_after_seconds=20, refused=True)])
    assert isinstance(await ledger.open_call(planned()), UUID)
    assert [round(seconds) for seconds in slept] == [20]
    with engine.begin() as connection:
        store_rate_limits(connection, [RateLimitUpdate("key", "small", retry_after_seconds=600, refused=True)])
    deferred = await ledger.open_call(planned())
    assert isinstance(deferred, Deferred)
    assert "the rate limit of 'small' is used up" in deferred.message
    assert 590 < deferred.retry_after_seconds <= 600
    assert not deferred.this_session
    await ledger.close()
    with engine.connect() as connection:
        assert len(connection.execute(select(AiProcessingRequest.id)).all()) == 1


async def test_two_processes_share_one_limit(engine: Engine) -> None:
    with engine.begin() as connection:
        store_rate_limits(connection, [RateLimitUpdate("key", "small", requests_per_minute=60)])
    opened: list[UUID] = []
    ledgers = [DatabaseLedger(engine, sleep=raise_timeout) for _ in range(2)]

    async def call(number: int) -> None:
        with suppress(TimeoutError):
            opened.append(await ledgers[number % 2].open_call(planned()))

    await asyncio.gather(*map(call, range(40)))
    for ledger in ledgers:
        await ledger.close()
    assert 1 <= len(opened) <= 5  # a burst, and what comes due while the test runs


async def raise_timeout(_seconds: float) -> None:
    raise TimeoutError


async def test_closing_a_call_stores_its_rate_limit(engine: Engine) -> None:
    ledger = DatabaseLedger(engine)
    opened = await ledger.open_call(planned())
    await ledger.close_call(
        opened, CallEnd("rejected", "429", rate_limit=RateLimitUpdate("key", "small", 500, 30_000, 7, refused=True))
    )
    await ledger.close()
    found = row(engine)
    assert (found.requests_per_minute, found.tokens_per_minute, found.refusals) == (500, 30_000, 1)
    assert found.blocked_until > datetime.now(UTC)

"""Commit ledger rows for concurrent realtime calls, several calls in one transaction."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from livedash_core.costs.ledger import CallEnd, PlannedCall
from livedash_core.costs.ledger_store import (
    abandon_calls,
    close_calls,
    mark_unusable,
    open_calls,
    price_unpriced_calls,
)
from livedash_core.costs.prices import load_prices
from livedash_core.costs.pricing import PriceList
from livedash_core.costs.rate_limiter import UNLIMITED, Limits, reserve_calls, store_rate_limits
from livedash_core.db import first_line
from livedash_core.errors import SystemicError
from livedash_core.outcomes import Deferred

Result = TypeVar("Result")
T = TypeVar("T")

#: The longest time that a call waits for a rate limit while its session stays claimed; beyond that it is deferred.
_MAX_WAIT_SECONDS = 60.0
#: Group commit: the writer waits for further entries as long as one arrives within each pause, up to a total. A
#: transaction costs several times as much as one entry in it.
_GROUP_PAUSE_SECONDS = 0.01
_GROUP_SECONDS = 0.1
#: The age at which the price list is read again.
_PRICE_LIST_SECONDS = 60.0


class _ClosedCall(NamedTuple):
    """A call to close, and the result to store with it."""

    row: UUID
    end: CallEnd
    result: Any = None


class _UnusableReply(NamedTuple):
    """The reason why the reply of a closed call is unusable."""

    row: UUID
    error_message: str


class _Entry(NamedTuple):
    """A change to write (a ``PlannedCall`` is a call to open), and the future of its result."""

    change: PlannedCall | _ClosedCall | _UnusableReply
    written: asyncio.Future[Any]


def _refuse_results(_connection: Connection, _results: Sequence[Any]) -> None:
    raise TypeError("this ledger was made without store_results")


class DatabaseLedger(Generic[Result]):
    """The ledger in ``ai_processing_request``. One writer commits together what arrived during its last commit.

    The ledger has its own connection and transactions, so that a stage that rolls back does not lose what it was
    billed. The first transaction closes the calls that killed processes left open. Raises ``SystemicError`` when the
    database does not respond.
    """

    def __init__(
        self,
        engine: Engine,
        limits: Limits = UNLIMITED,
        *,
        store_results: Callable[[Connection, Sequence[Result]], None] = _refuse_results,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._engine = engine
        self._limits = limits
        self._store_results = store_results
        self._sleep = sleep
        self._connection: Connection | None = None
        self._pending: list[_Entry] = []
        self._writer: asyncio.Task[None] | None = None
        self._prices = PriceList()
        self._prices_read_at: float | None = None

    async def open_call(self, call: PlannedCall) -> UUID | Deferred:
        """Insert a row with the outcome ``sent`` as soon as the rate limits and the company's budget allow the call."""
        remaining = _MAX_WAIT_SECONDS
        while isinstance(answer := await self._try_open(call), float):
            if answer > remaining:
                return Deferred(
                    f"the rate limit of {call.model!r} is used up for now",
                    "rate limit",
                    retry_after_seconds=answer,
                )
            remaining -= answer
            await self._sleep(answer)
        return answer

    async def _try_open(self, call: PlannedCall) -> UUID | Deferred | float:
        """Open a call: returns its row's id, the reason why it may not be made, or the seconds until the next try."""
        written = self._submit(call)
        try:
            answer: UUID | Deferred | float = await asyncio.shield(written)
        except asyncio.CancelledError:
            # The writer inserts the row nevertheless, but the call will not be made.
            written.add_done_callback(self._close_unsent)
            raise
        return answer

    async def close_call(self, row: UUID, end: CallEnd, result: Result | None = None) -> None:
        """Close a ``sent`` row with its cost, and store ``result``; a closed row does not change."""
        await asyncio.shield(self._submit(_ClosedCall(row, end, result)))

    async def mark_unusable(self, row: UUID, error_message: str) -> None:
        """Record on a closed row why its reply is unusable."""
        await asyncio.shield(self._submit(_UnusableReply(row, error_message)))

    async def close(self) -> None:
        """Write what is pending, and close the connection."""
        while self._writer is not None:
            await self._writer
        if self._prices_read_at is not None:
            # Prices the calls closed since the last reading. They are recorded: losing the database now is no error.
            with suppress(OperationalError, PoolTimeout):
                await asyncio.to_thread(self._read_prices)
        self._disconnect()

    def _close_unsent(self, written: asyncio.Future[UUID | Deferred | float]) -> None:
        if written.exception() is None and isinstance(row := written.result(), UUID):
            self._submit(_ClosedCall(row, CallEnd("rejected", "stopped before it was sent")))

    def _submit(self, change: PlannedCall | _ClosedCall | _UnusableReply) -> asyncio.Future[Any]:
        entry = _Entry(change, asyncio.get_running_loop().create_future())
        self._pending.append(entry)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return entry.written

    async def _write(self) -> None:
        try:
            while self._pending:
                await self._wait_for_group()
                entries, self._pending = self._pending, []
                # In a thread, because psycopg blocks and this event loop runs the calls.
                results = await asyncio.to_thread(self._commit, [entry.change for entry in entries])
                for entry, result in zip(entries, results, strict=True):
                    if isinstance(result, Exception):
                        entry.written.set_exception(result)
                        entry.written.exception()  # marks it as retrieved: its waiter may have been cancelled
                    else:
                        entry.written.set_result(result)
        finally:
            self._writer = None

    async def _wait_for_group(self) -> None:
        deadline, before = time.monotonic() + _GROUP_SECONDS, 0
        while len(self._pending) > before and time.monotonic() < deadline:
            before = len(self._pending)
            await asyncio.sleep(_GROUP_PAUSE_SECONDS)

    def _commit(self, changes: Sequence[PlannedCall | _ClosedCall | _UnusableReply]) -> list[Any]:
        """Write changes in one transaction, or one by one if that fails.

        Returns for each the id of a row, a deferral, seconds to wait, None or an exception.
        """
        try:
            if self._prices_read_at is None or time.monotonic() - self._prices_read_at > _PRICE_LIST_SECONDS:
                self._read_prices()
            return self._transaction(lambda connection: self._apply(connection, changes))
        except (OperationalError, PoolTimeout) as exc:
            error = SystemicError(f"the cost ledger cannot be written: {first_line(exc)}")
            error.__cause__ = exc
            return [error] * len(changes)
        except Exception as exc:
            # Every waiter needs an answer, so any exception is caught. A change that the database refuses must not fail
            # the others, and a refused result must not leave its billed call open.
            if len(changes) > 1:
                return [result for change in changes for result in self._commit([change])]
            (change,) = changes
            if isinstance(change, _ClosedCall) and change.result is not None:
                self._commit([change._replace(result=None)])
            return [exc]

    def _transaction(self, work: Callable[[Connection], T]) -> T:
        for attempt in (1, 2):
            reused = self._connection is not None
            try:
                self._connection = connection = self._connection or self._engine.connect()
                with connection.begin():
                    return work(connection)
            except OperationalError:
                # The server may have closed a connection that was idle for long.
                self._disconnect()
                if attempt == 2 or not reused:
                    raise
        raise AssertionError("unreachable")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _apply(
        self, connection: Connection, changes: Sequence[PlannedCall | _ClosedCall | _UnusableReply]
    ) -> list[Any]:
        calls = [change for change in changes if isinstance(change, PlannedCall)]
        closed = [change for change in changes if isinstance(change, _ClosedCall)]
        unusable = [change for change in changes if isinstance(change, _UnusableReply)]
        if results := [change.result for change in closed if change.result is not None]:
            self._store_results(connection, results)
        # Closed calls come first, because the limits and costs that they report apply to the calls that open now.
        store_rate_limits(connection, [change.end.rate_limit for change in closed if change.end.rate_limit])
        close_calls(connection, {change.row: change.end for change in closed}, self._prices)
        mark_unusable(connection, {change.row: change.error_message for change in unusable})
        delays = reserve_calls(connection, calls, self._limits)
        due = [call for call, delay in zip(calls, delays, strict=True) if not delay]
        opened = iter(open_calls(connection, due, self._prices))
        answers = iter([delay or next(opened) for delay in delays])
        return [next(answers) if isinstance(change, PlannedCall) else None for change in changes]

    def _read_prices(self) -> None:
        """Read the price list, and price the calls that this ledger has closed with an older one.

        Adding a price also prices the calls that are already closed. Until this ledger reads the new list, it goes on
        closing calls with the old one.
        """
        now = time.monotonic()
        # Kept only after the commit: if it fails, the calls are not priced yet.
        self._prices, self._prices_read_at = self._transaction(self._load_and_apply_prices), now

    def _load_and_apply_prices(self, connection: Connection) -> PriceList:
        prices = load_prices(connection)
        if self._prices_read_at is None:
            abandon_calls(connection)
        elif prices.ids != self._prices.ids:
            price_unpriced_calls(connection, prices)
        return prices

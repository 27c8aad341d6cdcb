"""The ledger in the database, for calls that are made one by one and many at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from livedash_core.costs.ledger import CallEnd, PlannedCall
from livedash_core.costs.ledger_store import abandon_calls, close_calls, mark_unusable, open_calls
from livedash_core.costs.prices import load_prices
from livedash_core.costs.pricing import PriceList
from livedash_core.costs.rate_limiter import UNLIMITED, Limits, store_rate_limit, waits
from livedash_core.db import first_line
from livedash_core.errors import SystemicError
from livedash_core.outcomes import Deferred

Result = TypeVar("Result")

#: So long a call waits for its turn with its claim; beyond, the claim goes back.
_PATIENCE_SECONDS = 60.0
#: The writer waits for more to commit together while something comes in so often, but no longer than that in all: a
#: transaction costs several times what a call in it does.
_PAUSE_SECONDS = 0.01
_GATHER_SECONDS = 0.1
#: A price that was set meanwhile counts after so long.
_PRICES_KEPT_SECONDS = 60.0


class _Ended(NamedTuple):
    """A call to close, and what came of it."""

    row: UUID
    end: CallEnd
    result: Any = None


class _Fault(NamedTuple):
    """What to note on a closed call."""

    row: UUID
    error_message: str


class _Entry(NamedTuple):
    """One thing to write (a call that is planned is to be opened), and who waits for it."""

    what: PlannedCall | _Ended | _Fault
    written: asyncio.Future[Any]


def _refuse_results(_connection: Connection, _results: Sequence[Any]) -> None:
    raise TypeError("this ledger was made without store_results")


class DatabaseLedger(Generic[Result]):
    """The ledger in ``ai_processing_request``; one writer, which commits together what came in while it wrote.

    The transactions are the ledger's own: the stage that pays may roll back, the bill does not. Its first one closes
    what others left open when they were killed. Raises ``SystemicError`` when the database does not answer.
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
        self._waiting: list[_Entry] = []
        self._writer: asyncio.Task[None] | None = None
        self._prices = PriceList()
        self._prices_read_at: float | None = None

    async def open_call(self, call: PlannedCall) -> UUID | Deferred:
        """Insert a row with the outcome ``sent``, when it is the call's turn and its company can pay for it."""
        patience = _PATIENCE_SECONDS
        while isinstance(answer := await self._asked(call), float):
            if answer > patience:
                return Deferred(
                    f"{call.model!r} may not be asked more often for now: a limit of its server is used up",
                    "rate limit",
                    retry_after_seconds=answer,
                )
            patience -= answer
            await self._sleep(answer)
        return answer

    async def _asked(self, call: PlannedCall) -> UUID | Deferred | float:
        """The row of a call that may be made, why it may not, or the seconds until it is worth asking again."""
        written = self._submit(call)
        try:
            answer: UUID | Deferred | float = await asyncio.shield(written)
        except asyncio.CancelledError:
            # The row is written all the same, and nothing will be sent for it.
            written.add_done_callback(self._never_sent)
            raise
        return answer

    async def close_call(self, row: UUID, end: CallEnd, result: Result | None = None) -> None:
        """Close a ``sent`` row with what it cost, and store ``result``; a row that is closed stays as it is."""
        await asyncio.shield(self._submit(_Ended(row, end, result)))

    async def mark_unusable(self, row: UUID, error_message: str) -> None:
        """Note on a closed row why its reply was no use."""
        await asyncio.shield(self._submit(_Fault(row, error_message)))

    async def close(self) -> None:
        """Write what is left, and give the connection back."""
        while self._writer is not None:
            await self._writer
        self._disconnect()

    def _never_sent(self, written: asyncio.Future[UUID | Deferred | float]) -> None:
        if written.exception() is None and isinstance(row := written.result(), UUID):
            self._submit(_Ended(row, CallEnd("rejected", "stopped before it was sent")))

    def _submit(self, what: PlannedCall | _Ended | _Fault) -> asyncio.Future[Any]:
        entry = _Entry(what, asyncio.get_running_loop().create_future())
        self._waiting.append(entry)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write())
        return entry.written

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._gather()
                entries, self._waiting = self._waiting, []
                # In a thread: psycopg blocks, and calls are under way in this event loop.
                results = await asyncio.to_thread(self._commit, [entry.what for entry in entries])
                for entry, result in zip(entries, results, strict=True):
                    if isinstance(result, Exception):
                        entry.written.set_exception(result)
                        entry.written.exception()  # whoever waited for it may have been stopped
                    else:
                        entry.written.set_result(result)
        finally:
            self._writer = None

    async def _gather(self) -> None:
        deadline, before = time.monotonic() + _GATHER_SECONDS, 0
        while len(self._waiting) > before and time.monotonic() < deadline:
            before = len(self._waiting)
            await asyncio.sleep(_PAUSE_SECONDS)

    def _commit(self, entries: Sequence[PlannedCall | _Ended | _Fault]) -> list[Any]:
        """A row's id, a wait, a deferral, None or an exception for each; one by one if they fail together."""
        try:
            return self._transaction(lambda connection: self._apply(connection, entries))
        except (OperationalError, PoolTimeout) as exc:
            error = SystemicError(f"the cost ledger cannot be written: {first_line(exc)}")
            error.__cause__ = exc
            return [error] * len(entries)
        except Exception as exc:
            # Whoever waits is told, whatever it is; one that the database refuses takes no other with it, and a
            # result that it refuses does not take its bill.
            if len(entries) > 1:
                return [result for entry in entries for result in self._commit([entry])]
            (entry,) = entries
            if isinstance(entry, _Ended) and entry.result is not None:
                self._commit([entry._replace(result=None)])
            return [exc]

    def _transaction(self, work: Callable[[Connection], list[Any]]) -> list[Any]:
        for attempt in (1, 2):
            reused = self._connection is not None
            try:
                self._connection = connection = self._connection or self._engine.connect()
                with connection.begin():
                    return work(connection)
            except OperationalError:
                # One that was kept open may have been closed by the other side long ago.
                self._disconnect()
                if attempt == 2 or not reused:
                    raise
        raise AssertionError("unreachable")

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _apply(self, connection: Connection, entries: Sequence[PlannedCall | _Ended | _Fault]) -> list[Any]:
        prices = self._current_prices(connection)
        calls = [entry for entry in entries if isinstance(entry, PlannedCall)]
        ended = [entry for entry in entries if isinstance(entry, _Ended)]
        if results := [entry.result for entry in ended if entry.result is not None]:
            self._store_results(connection, results)
        # First what calls have told and paid: those that follow go by it.
        store_rate_limit(connection, [entry.end.rate_limit for entry in ended if entry.end.rate_limit])
        close_calls(connection, {entry.row: entry.end for entry in ended}, prices)
        mark_unusable(connection, {entry.row: entry.error_message for entry in entries if isinstance(entry, _Fault)})
        turns = waits(connection, calls, self._limits)
        due = [call for call, wait in zip(calls, turns, strict=True) if not wait]
        opened = iter(open_calls(connection, due, prices))
        answers = iter([wait or next(opened) for wait in turns])
        return [next(answers) if isinstance(entry, PlannedCall) else None for entry in entries]

    def _current_prices(self, connection: Connection) -> PriceList:
        now = time.monotonic()
        if self._prices_read_at is None:
            abandon_calls(connection)
        if self._prices_read_at is None or now - self._prices_read_at > _PRICES_KEPT_SECONDS:
            self._prices, self._prices_read_at = load_prices(connection), now
        return self._prices

"""Handles loaded sessions with a bounded number of asyncio workers, which all claims at hand share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar
from uuid import UUID

from livedash_core.errors import SystemicError, TransientError, UnavailableError
from livedash_core.outcomes import Completed, Deferred, Outcome, Skipped
from livedash_core.stages.stage import StageItem

Item = TypeVar("Item", bound=StageItem)
HandlerItem = TypeVar("HandlerItem", bound=StageItem, contravariant=True)
Result = TypeVar("Result")
HandlerResult = TypeVar("HandlerResult", covariant=True)


class Handler(Protocol[HandlerItem, HandlerResult]):
    """The part of a stage that handles sessions."""

    @property
    def concurrency(self) -> int:
        """Sessions handled concurrently."""
        ...

    async def handle(self, item: HandlerItem) -> Outcome[HandlerResult]:
        """See ``Stage.handle``."""
        ...


@dataclass
class Handled(Generic[Result]):
    """The outcomes of one claim's sessions, by session id.

    ``outcomes`` has what was completed or skipped, and the exception of what failed. ``postponed`` has what could not
    be tried, with the reason and the delay. Sessions in neither are to be released. ``systemic`` are the errors that
    stopped a company or the whole stage.
    """

    outcomes: dict[UUID, Completed[Result] | Skipped[Result] | Exception] = field(default_factory=dict)
    postponed: dict[UUID, Deferred | UnavailableError] = field(default_factory=dict)
    systemic: list[SystemicError] = field(default_factory=list)


@dataclass
class _Chunk(Generic[Result]):
    """The sessions of one ``run`` call."""

    unfinished: int
    handled: Handled[Result] = field(default_factory=Handled)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def finish_one(self) -> None:
        self.unfinished -= 1
        if self.unfinished == 0:
            self.finished.set()


class WorkerPool(Generic[Item, Result]):
    """``concurrency`` workers that take sessions in the order of the ``run`` calls; an async context manager.

    The first systemic error stops what has not begun, for its company or for everyone; so does a deferral that
    concerns the company. What has begun finishes.
    ``cancel`` stops at once: what has begun is cancelled, and unfinished sessions have no outcome.
    """

    def __init__(self, handler: Handler[Item, Result]) -> None:
        self._handler = handler
        self._queue: asyncio.Queue[tuple[Item, _Chunk[Result]]] = asyncio.Queue()
        #: Companies that are stopped; None stands for all of them.
        self._stopped: set[UUID | None] = set()
        self._cancelled = False
        self._worker_error: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._handler.concurrency)]
        for worker in self._workers:
            worker.add_done_callback(self._on_worker_done)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop = None
        self._cancel_workers()
        await asyncio.gather(*self._workers, return_exceptions=True)
        # A cancelled task holds its frames, which hold this pool and the last session of each worker.
        self._workers.clear()

    def cancel(self) -> None:
        """May be called from a signal handler or another thread."""
        self._cancelled = True
        # Read once: the pool may end meanwhile.
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(self._cancel_workers)

    async def run(self, items: Sequence[Item]) -> Handled[Result]:
        """Handle these sessions after those of earlier calls. Raises the error that ended a worker."""
        chunk: _Chunk[Result] = _Chunk(len(items))
        if items and not self._cancelled:
            for item in items:
                self._queue.put_nowait((item, chunk))
            await chunk.finished.wait()
        if self._worker_error is not None:
            raise self._worker_error
        return chunk.handled

    def _cancel_workers(self) -> None:
        self._cancelled = True
        for worker in self._workers:
            worker.cancel()
        while not self._queue.empty():
            _, chunk = self._queue.get_nowait()
            chunk.finish_one()

    def _on_worker_done(self, worker: asyncio.Task[None]) -> None:
        if not worker.cancelled():
            # Not a session's failure: a signal handler may raise anywhere.
            self._worker_error = worker.exception()
            self._cancel_workers()

    async def _work(self) -> None:
        while True:
            item, chunk = await self._queue.get()
            try:
                if self._stopped.isdisjoint((None, item.company_id)):
                    await self._handle(item, chunk.handled)
            finally:
                chunk.finish_one()

    async def _handle(self, item: Item, handled: Handled[Result]) -> None:
        try:
            outcome = await self._outcome_of(item)
        except SystemicError as error:
            if error.company_id not in self._stopped:
                self._stopped.add(error.company_id)
                handled.systemic.append(error)
        except UnavailableError as error:
            handled.postponed[item.session_id] = error
        except Exception as error:
            # Every other exception, also one that is a bug, is the failure of this session.
            handled.outcomes[item.session_id] = error
        else:
            if not isinstance(outcome, Deferred):
                handled.outcomes[item.session_id] = outcome
                return
            handled.postponed[item.session_id] = outcome
            if not outcome.this_session:
                self._stopped.add(item.company_id)

    async def _outcome_of(self, item: Item) -> Outcome[Result]:
        """Call the handler; a session without an outcome would be released and claimed again without end."""
        try:
            outcome = await self._handler.handle(item)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise TransientError("an awaited task was cancelled, and not by this run") from None
        if not isinstance(outcome, Completed | Skipped | Deferred):
            raise TypeError(f"handle returned {type(outcome).__name__}")
        return outcome

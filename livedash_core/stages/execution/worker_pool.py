"""Handling sessions, a bounded number at a time, whichever batch they came in: no lane idles while a batch ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Protocol, Self
from uuid import UUID

from livedash_core.errors import Deferred, SystemicError, TransientError, UnavailableError
from livedash_core.stages.stage import Completed, Item, Outcome, Skipped


class Handler(Protocol):
    """The part of a stage that handles sessions."""

    concurrency: int

    async def handle(self, item: Any) -> Outcome:
        """See ``Stage.handle``."""
        ...


@dataclass
class Handled:
    """What became of a batch.

    ``outcomes`` by session id: a word, or what was raised. ``postponed`` are those that could not be tried, with the
    reason and how long it will last. Whoever is in neither is to be released. ``systemic`` is what stopped a company,
    or everyone.
    """

    outcomes: dict[UUID, Outcome | Exception] = field(default_factory=dict)
    postponed: dict[UUID, UnavailableError] = field(default_factory=dict)
    systemic: list[SystemicError] = field(default_factory=list)


@dataclass
class _Batch:
    left: int
    handled: Handled = field(default_factory=Handled)
    finished: asyncio.Event = field(default_factory=asyncio.Event)

    def count_down(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.finished.set()


class WorkerPool:
    """``stage.concurrency`` lanes that take sessions in the order of their batches; an async context manager.

    The first systemic error stops what has not begun, for its company or for everyone, and so does a company that is
    held back; what is under way finishes.
    ``cancel`` stops at once: what is under way is given up, and whoever is left out has no outcome.
    """

    def __init__(self, stage: Handler) -> None:
        self._stage = stage
        self._waiting: asyncio.Queue[tuple[Item, _Batch]] = asyncio.Queue()
        self._stopped: set[UUID | None] = set()
        self._cancelled = False
        self._broken: BaseException | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lanes: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._lanes = [asyncio.create_task(self._lane()) for _ in range(self._stage.concurrency)]
        for lane in self._lanes:
            lane.add_done_callback(self._lane_has_ended)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop = None
        self._give_up()
        await asyncio.gather(*self._lanes, return_exceptions=True)

    def cancel(self) -> None:
        """May be called from a signal handler or another thread."""
        self._cancelled = True
        # Read once: it may end meanwhile.
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(self._give_up)

    async def run(self, items: Sequence[Item]) -> Handled:
        """Handle one batch, after those that came before it. Raises what ended a lane."""
        batch = _Batch(len(items))
        if items and not self._cancelled:
            for item in items:
                self._waiting.put_nowait((item, batch))
            await batch.finished.wait()
        if self._broken is not None:
            raise self._broken
        return batch.handled

    def _give_up(self) -> None:
        self._cancelled = True
        for lane in self._lanes:
            lane.cancel()
        while not self._waiting.empty():
            _, batch = self._waiting.get_nowait()
            batch.count_down()

    def _lane_has_ended(self, lane: asyncio.Task[None]) -> None:
        if not lane.cancelled():
            # No session's failure: a signal handler may raise anywhere.
            self._broken = lane.exception()
            self._give_up()

    async def _lane(self) -> None:
        while True:
            item, batch = await self._waiting.get()
            try:
                if self._stopped.isdisjoint((None, item.company_id)):
                    await self._one(item, batch.handled)
            finally:
                batch.count_down()

    async def _one(self, item: Item, handled: Handled) -> None:
        try:
            handled.outcomes[item.session_id] = await self._outcome(item)
        except SystemicError as error:
            if error.company_id not in self._stopped:
                self._stopped.add(error.company_id)
                handled.systemic.append(error)
        except UnavailableError as error:
            handled.postponed[item.session_id] = error
            if isinstance(error, Deferred) and not error.this_session:
                self._stopped.add(item.company_id)
        except Exception as error:
            # Whatever it is, it is this session's failure.
            handled.outcomes[item.session_id] = error

    async def _outcome(self, item: Item) -> Outcome:
        """Every item gets an outcome: one without would be released, claimed again, and so on for ever."""
        try:
            outcome = await self._stage.handle(item)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise TransientError("something that was waited for was cancelled, and not by us") from None
        if not isinstance(outcome, Completed | Skipped):
            raise TypeError(f"handle returned {type(outcome).__name__}")
        return outcome

"""Handling the sessions of one batch at once, a bounded number at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from livedash_core.errors import HeldBack, SystemicError, TransientError, UnavailableError
from livedash_core.stages.stage import Completed, Item, Outcome, Skipped


class Handler(Protocol):
    """The part of a stage that handles sessions."""

    concurrency: int

    async def handle(self, item: Any) -> Outcome:
        """See ``Stage.handle``."""
        ...


class Batch:
    """One batch on its way through ``handle``.

    The first systemic error stops what has not begun, for its company or for everyone, and so does a company that is
    held back; what is under way finishes.
    ``cancel`` stops at once: what is under way is given up, and whoever is left out has no outcome. ``postponed`` are
    those that could not be tried, with the reason and how long it will last.
    """

    def __init__(self, stage: Handler) -> None:
        self.stage = stage
        self.systemic: list[SystemicError] = []
        self.postponed: dict[UUID, UnavailableError] = {}
        self._stopped: set[UUID | None] = set()
        self._cancelled = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def cancel(self) -> None:
        """May be called from a signal handler or another thread."""
        self._cancelled = True
        # Read once: the batch may end meanwhile.
        if (loop := self._loop) is not None:
            loop.call_soon_threadsafe(self._cancel_tasks)

    def _cancel_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()

    async def run(self, items: Sequence[Item]) -> dict[UUID, Outcome | Exception]:
        """Outcomes by session id: a word, or what was raised. Sessions to be released are missing."""
        outcomes: dict[UUID, Outcome | Exception] = {}
        waiting = iter(items)

        async def lane() -> None:
            for item in waiting:
                if self._cancelled or None in self._stopped:
                    return
                if item.company_id in self._stopped:
                    continue
                try:
                    outcomes[item.session_id] = await self._handle(item)
                except SystemicError as error:
                    self._note(error)
                except UnavailableError as error:
                    self.postponed[item.session_id] = error
                    if isinstance(error, HeldBack) and not error.this_session:
                        self._stopped.add(item.company_id)
                except Exception as error:
                    # Whatever it is, it is this session's failure.
                    outcomes[item.session_id] = error

        self._loop = asyncio.get_running_loop()
        self._tasks = {asyncio.create_task(lane()) for _ in range(min(self.stage.concurrency, len(items)))}
        if self._cancelled:
            self._cancel_tasks()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._loop = None
        return outcomes

    async def _handle(self, item: Item) -> Outcome:
        """Every item gets an outcome: one without would be released, claimed again, and so on for ever."""
        try:
            outcome = await self.stage.handle(item)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise TransientError("something that was waited for was cancelled, and not by us") from None
        if not isinstance(outcome, Completed | Skipped):
            raise TypeError(f"handle returned {type(outcome).__name__}")
        return outcome

    def _note(self, error: SystemicError) -> None:
        if error.company_id not in self._stopped:
            self._stopped.add(error.company_id)
            self.systemic.append(error)

"""Waits in the triggerer while providers process batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from livedash_core.airflow import connections
from livedash_core.errors import ConfigurationError, ProcessingError, TransientError
from livedash_core.settings import Settings

if TYPE_CHECKING:
    from livedash_core.analysis.batches import BatchAdapter

log = logging.getLogger(__name__)


class BatchTrigger(BaseTrigger):
    """Fires when one of the batches has ended, or after ``wait_seconds``; ``report`` comes back with the event.

    ``remote_ids`` are the ids of the batches at their provider, by analyzer.
    When an operator marks or clears the waiting task, its batches are cancelled: Airflow 3.3 calls ``on_kill`` for it.
    A triggerer that restarts continues to poll.
    """

    def __init__(
        self, remote_ids: dict[str, list[str]], poll_seconds: float, wait_seconds: float, report: dict[str, Any]
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow annotates it not
        self.remote_ids = remote_ids
        self.poll_seconds = poll_seconds
        self.wait_seconds = wait_seconds
        self.report = report

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """See ``BaseTrigger.serialize``."""
        return (
            f"{type(self).__module__}.{type(self).__qualname__}",
            {
                "remote_ids": self.remote_ids,
                "poll_seconds": self.poll_seconds,
                "wait_seconds": self.wait_seconds,
                "report": self.report,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until there is something to collect. After an error the task polls, and reports the error."""
        try:
            adapters = {analyzer: await _watcher(analyzer) for analyzer in self.remote_ids}
            try:
                await self._wait(adapters)
            finally:
                for adapter in adapters.values():
                    await adapter.close()
        except (ProcessingError, ConfigurationError) as error:
            log.error("%s", error)
        yield TriggerEvent({"report": self.report})  # type: ignore[no-untyped-call] # as above

    async def on_kill(self) -> None:
        """Cancel the batches; the next run collects what they have finished."""
        for analyzer, remote_ids in self.remote_ids.items():
            adapter = await _watcher(analyzer)
            await adapter.cancel(remote_ids)
            await adapter.close()

    async def _wait(self, adapters: dict[str, BatchAdapter]) -> None:
        until = time.monotonic() + self.wait_seconds
        while not await self._has_ended(adapters):
            if time.monotonic() + self.poll_seconds > until:
                return
            await asyncio.sleep(self.poll_seconds)

    async def _has_ended(self, adapters: dict[str, BatchAdapter]) -> bool:
        """Whether at least one of the batches has ended."""
        for analyzer, adapter in adapters.items():
            for remote_id in self.remote_ids[analyzer]:
                try:
                    remote = await adapter.poll(remote_id)
                except TransientError as error:
                    log.warning("%s; will poll again", error)
                    continue
                log.info("batch %s is %s, %d done", remote_id, remote.status, remote.requests_done)
                if remote.state != "in_progress":
                    return True
        return False


async def _watcher(analyzer: str) -> BatchAdapter:
    settings = await connections.asettings()
    # In a thread: importing the SDK takes a second, during which no other trigger of this process would run.
    return await asyncio.to_thread(_create_watcher, analyzer, settings)


def _create_watcher(analyzer: str, settings: Settings) -> BatchAdapter:
    from livedash_core.analysis.batches import create_watcher

    return create_watcher(analyzer, settings)

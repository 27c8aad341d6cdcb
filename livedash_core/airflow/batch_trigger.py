"""Waits in the triggerer while a model server works on batches."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from importlib import import_module
from typing import TYPE_CHECKING, Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from livedash_core.airflow import connections
from livedash_core.errors import ConfigurationError, ProcessingError, TransientError

if TYPE_CHECKING:
    from livedash_core.analysis.openai.batch_api import BatchApi

log = logging.getLogger(__name__)


class BatchTrigger(BaseTrigger):
    """Fires when one of the batches has ended, or after ``wait_seconds``; ``report`` comes back with the event.

    Whoever marks or clears the waiting task cancels its batches: that is what ``on_kill`` is called for (Airflow 3.3).
    A triggerer that restarts just looks on.
    """

    def __init__(self, remote_ids: list[str], poll_seconds: float, wait_seconds: float, report: dict[str, Any]) -> None:
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
        """Look until there is something to collect. What keeps us from looking, the task will meet and tell."""
        try:
            api = await _watching()
            try:
                await self._wait(api)
            finally:
                await api.close()
        except (ProcessingError, ConfigurationError) as error:
            log.error("%s", error)
        yield TriggerEvent({"report": self.report})  # type: ignore[no-untyped-call] # as above

    async def on_kill(self) -> None:
        """Cancel the batches; what they have finished is collected by the next run."""
        api = await _watching()
        await api.cancel_all(self.remote_ids)
        await api.close()

    async def _wait(self, api: BatchApi) -> None:
        until = time.monotonic() + self.wait_seconds
        while not await self._one_has_ended(api):
            if time.monotonic() + self.poll_seconds > until:
                return
            await asyncio.sleep(self.poll_seconds)

    async def _one_has_ended(self, api: BatchApi) -> bool:
        for remote_id in self.remote_ids:
            try:
                remote = await api.look(remote_id)
            except TransientError as error:
                log.warning("%s; will look again", error)
                continue
            log.info("batch %s is %s, %d done", remote_id, remote.status, remote.done)
            if remote.has_ended:
                return True
        return False


async def _watching() -> BatchApi:
    settings = await connections.asettings()
    if settings.openai_api_key is None:
        raise ConfigurationError("there is no key any more: create the Airflow connection livedash_openai")
    # The SDK takes a second to import, in which no other trigger of this process would get its turn.
    module = await asyncio.to_thread(import_module, "livedash_core.analysis.openai.batch_api")
    api: BatchApi = module.BatchApi.watching(settings.openai_api_key.get_secret_value(), settings.openai_base_url)
    return api

"""The one loop of the project: claim → load → handle → store and settle → report, batch by batch.

Two batches are under way, so that the network does not wait for the database, nor the database for the network: while
one is handled on the event loop, another is settled, claimed or loaded by the one thread that talks to the database.
It holds no transaction while a stage works, and no lease while it does not.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from livedash_core.db import first_line, in_transaction
from livedash_core.errors import SystemicError
from livedash_core.pipeline import Pipeline
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.stages.execution.lease_heartbeat import LeaseHeartbeat
from livedash_core.stages.execution.missing_rows import add_missing_stage_rows
from livedash_core.stages.execution.worker_pool import Handled, WorkerPool
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import Item, Stage
from livedash_core.status import Claim, Scope

Progress = Callable[[StageReport], None]

#: One is handled while another comes or goes.
BATCHES_UNDER_WAY = 2


class _Batch(NamedTuple):
    token: UUID
    items: dict[UUID, Item]


class Runner:
    """Drives one stage through a scope. ``stop()`` may be called from a signal handler or another thread.

    ``dag_run`` and ``owner`` are written to leases and failures, for people to find.
    """

    def __init__(
        self,
        engine: Engine,
        stage: Stage,
        pipeline: Pipeline,
        *,
        scope: Scope | None = None,
        limit: int | None = None,
        budget_seconds: float | None = None,
        dag_run: str | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        self.engine = engine
        self.stage = stage
        self.pipeline = pipeline
        self.scope = scope or Scope()
        self.limit = limit
        self.budget_seconds = budget_seconds
        self.dag_run = dag_run
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self.report = StageReport(stage.name)
        self._on_progress = on_progress
        self._settings = stage.tools.settings
        self._started = time.monotonic()
        self._stopping = threading.Event()
        self._failed = False
        self._handling: WorkerPool | None = None
        self._settling = ClaimSettler(engine, stage, pipeline, self.report)

    def run(self) -> StageReport:
        """Work until the scope is empty, the limit or the time is used up, or somebody says stop.

        Raises ``SystemicError`` when the database fails, or when the stage says so outside ``handle``.
        """
        self._started = time.monotonic()
        try:
            self._drain()
            self._settling.finish()
        except DBAPIError as error:
            raise SystemicError(f"the database failed during {self.stage.name}: {first_line(error)}") from error
        finally:
            self.report.seconds = time.monotonic() - self._started
        return self.report

    def _drain(self) -> None:
        with LeaseHeartbeat(self.engine, self._settings.lease_seconds) as keeper:
            try:
                with ThreadPoolExecutor(1, "livedash-database") as database, asyncio.Runner() as loop:
                    try:
                        add_missing_stage_rows(self.engine, self.pipeline)
                        self.stage.ingest(self.pipeline, self.scope, self.report, self)
                        loop.run(self._take_turns(database, keeper))
                    except SystemicError as error:
                        self._settling.note_systemic(error)
                        raise
                    finally:
                        loop.run(self.stage.close())
            finally:
                # Only what was broken off is still held. If the database is gone, this fails too: then the leases run
                # out, and the next claim takes what they held.
                for token in keeper.held:
                    self._settling.release(token)

    async def _take_turns(self, database: Executor, keeper: LeaseHeartbeat) -> None:
        async with WorkerPool(self.stage) as self._handling:
            if self._stopping.is_set():  # the signal came before there was anything to cancel
                self._handling.cancel()
            turns = [self._turns(self._handling, database, keeper) for _ in range(BATCHES_UNDER_WAY)]
            for ended in await asyncio.gather(*turns, return_exceptions=True):
                if ended is not None:
                    raise ended

    async def _turns(self, handling: WorkerPool, database: Executor, keeper: LeaseHeartbeat) -> None:
        """One batch after the other. If that fails, whoever has the other one settles what is ready, and no more."""
        loop = asyncio.get_running_loop()
        try:
            while batch := await loop.run_in_executor(database, self._begin, keeper):
                handled = await handling.run(list(batch.items.values()))
                await loop.run_in_executor(database, self._end, batch, handled, keeper)
                self.report.seconds = time.monotonic() - self._started
                self.tell(self.report)
        except BaseException:
            self._failed = True
            handling.cancel()
            raise

    def stop(self) -> None:
        """Settle what is ready, release the rest, and return."""
        self._stopping.set()
        # Read once: it may end meanwhile.
        if (handling := self._handling) is not None:
            handling.cancel()

    def stopping(self) -> bool:
        """Whether somebody said stop."""
        return self._stopping.is_set()

    def tell(self, report: StageReport) -> None:
        """Pass progress on to whoever watches."""
        if self._on_progress is not None:
            self._on_progress(report)

    # --- one batch, in the thread that talks to the database

    def _begin(self, keeper: LeaseHeartbeat) -> _Batch | None:
        """Claim and load the next one; None if there is none, or none is wanted any more."""
        claim = self._claim(sessions) if (sessions := self._wanted()) else None
        if claim is None:
            return None
        keeper.hold(claim.token)
        items = self._settling.load(claim.token, claim.attempts)
        return _Batch(claim.token, {item.session_id: item for item in items})

    def _end(self, batch: _Batch, handled: Handled, keeper: LeaseHeartbeat) -> None:
        for error in handled.systemic:
            self._settling.note_systemic(error)
        self._settling.settle(batch.token, batch.items, handled.outcomes)
        self._settling.postpone(batch.token, batch.items, handled.postponed)
        self._settling.release(batch.token)
        keeper.let_go(batch.token)

    def _wanted(self) -> int:
        if self._stopping.is_set() or self._failed or self._settling.everyone_stopped:
            return 0
        if self.budget_seconds is not None and time.monotonic() - self._started >= self.budget_seconds:
            return 0
        if self.limit is None:
            return self.stage.batch_size
        # What a stage brought in counts, and may be more than the limit.
        return max(0, min(self.stage.batch_size, self.limit - self.report.claimed))

    def _claim(self, sessions: int) -> Claim | None:
        def take(connection: Connection) -> Claim:
            return self._settling.manager(connection).claim(
                self.stage.name,
                sessions,
                self.scope,
                lease_seconds=self._settings.lease_seconds,
                owner=self.owner,
                dag_run=self.dag_run,
                without_company_ids=self._settling.stopped_companies,
            )

        claim = in_transaction(self.engine, take)
        self.report.claimed += len(claim.attempts)
        return claim if claim.attempts else None

"""The loop of the engine: claim, load, handle, settle and store, report; chunk by chunk.

Two chunks of claimed sessions are processed at a time, so that neither the network nor the database waits for the
other: while one chunk is handled on the event loop, another is settled, claimed or loaded by the one thread that uses
the database. No transaction is open while a stage handles sessions, and no lease is held while it does not.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from livedash_core.db import first_line, in_transaction
from livedash_core.errors import SystemicError
from livedash_core.pipeline import Pipeline
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.stages.execution.lease_heartbeat import LeaseHeartbeat
from livedash_core.stages.execution.worker_pool import Handled, WorkerPool
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import Stage, StageItem
from livedash_core.status import Claim, ProcessingStatusManager, Scope
from livedash_core.tracing import span

log = logging.getLogger(__name__)

Item = TypeVar("Item", bound=StageItem)
Result = TypeVar("Result")
Progress = Callable[[StageReport], None]

#: One chunk is handled while another is settled, claimed or loaded.
CHUNKS_IN_PROGRESS = 2
#: Sessions per transaction when the rows of a newly added stage are created.
MISSING_ROWS_CHUNK = 10_000


@dataclass(frozen=True, slots=True)
class _Chunk(Generic[Item]):
    """The sessions of one claim."""

    token: UUID
    items: dict[UUID, Item]


class Runner(Generic[Item, Result]):
    """Runs one stage for the sessions of a scope. ``stop()`` may be called from a signal handler or another thread.

    ``dag_run`` is written to leases and failures, with the host and process id, to show where they come from. Without
    ``ingests`` it only claims: another runner of the same run creates sessions.
    """

    def __init__(
        self,
        engine: Engine,
        stage: Stage[Item, Result],
        pipeline: Pipeline,
        *,
        scope: Scope | None = None,
        limit: int | None = None,
        budget_seconds: float | None = None,
        dag_run: str | None = None,
        on_progress: Progress | None = None,
        ingests: bool = True,
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
        self._ingests = ingests
        self._settings = stage.context.settings
        self._started = time.monotonic()
        self._stop_requested = threading.Event()
        self._failed = False
        self._pool: WorkerPool[Item, Result] | None = None
        self._settler = ClaimSettler(engine, stage, pipeline, self.report)

    def run(self) -> StageReport:
        """Work until the scope is empty, the limit or the time is used up, or ``stop`` is called.

        Raises ``SystemicError`` when the database fails, or when the stage raises it outside ``handle``.
        """
        self._started = time.monotonic()
        # Otherwise each full collection visits all imported modules, which took up to a third of a stage's CPU time.
        # Freezing resets the counters that lead to a full collection: a process that runs stages again and again would
        # never have one, so that the garbage of a run, and that since the last run, are collected here.
        gc.collect(1)
        gc.freeze()
        try:
            return self._run()
        finally:
            gc.collect()
            gc.unfreeze()

    def _run(self) -> StageReport:
        with span("livedash.lane", {"livedash.stage": self.stage.name}) as lane:
            try:
                self._drain()
                self._settler.finish()
            except DBAPIError as error:
                raise SystemicError(f"the database failed during {self.stage.name}: {first_line(error)}") from error
            finally:
                self.report.seconds = time.monotonic() - self._started
                lane.set_attributes({f"livedash.{name}": number for name, number in self.report.as_dict().items()})
        return self.report

    def stop(self) -> None:
        """Ask the run to settle what is handled, release the rest, and return."""
        self._stop_requested.set()
        # Read once: the pool may end meanwhile.
        if (pool := self._pool) is not None:
            pool.cancel()

    def should_stop(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stop_requested.is_set()

    def report_progress(self, report: StageReport) -> None:
        """Pass the report to ``on_progress``."""
        if self._on_progress is not None:
            self._on_progress(report)

    def _drain(self) -> None:
        with LeaseHeartbeat(self.engine, self._settings.lease_seconds) as heartbeat:
            try:
                with ThreadPoolExecutor(1, "livedash-database") as database, asyncio.Runner() as loop:
                    try:
                        if self._ingests:
                            add_missing_stage_rows(self.engine, self.pipeline)
                            self.stage.ingest(self.pipeline, self.scope, self.report, self)
                        loop.run(self._process_chunks(database, heartbeat))
                    except SystemicError as error:
                        self._settler.note_systemic(error)
                        raise
                    finally:
                        loop.run(self.stage.close())
            finally:
                # Only interrupted chunks are still held. If the database is down, this fails too: then the leases
                # expire, and the next claim takes their sessions.
                for token in heartbeat.held:
                    self._settler.release(token)

    async def _process_chunks(self, database: Executor, heartbeat: LeaseHeartbeat) -> None:
        async with WorkerPool(self.stage) as pool:
            self._pool = pool
            if self._stop_requested.is_set():  # stop() was called before there was a pool to cancel
                pool.cancel()
            loops = [self._chunk_loop(pool, database, heartbeat) for _ in range(CHUNKS_IN_PROGRESS)]
            for error in await asyncio.gather(*loops, return_exceptions=True):
                if error is not None:
                    raise error

    async def _chunk_loop(self, pool: WorkerPool[Item, Result], database: Executor, heartbeat: LeaseHeartbeat) -> None:
        """Process one chunk after the other. If one fails, the other loop settles what is handled and ends too."""
        loop = asyncio.get_running_loop()
        try:
            while chunk := await loop.run_in_executor(database, self._claim_chunk, heartbeat):
                handled = await pool.run(list(chunk.items.values()))
                await loop.run_in_executor(database, self._settle_chunk, chunk, handled, heartbeat)
                self.report.seconds = time.monotonic() - self._started
                self.report_progress(self.report)
        except BaseException:
            self._failed = True
            pool.cancel()
            raise

    # --- one chunk, in the thread that uses the database

    def _claim_chunk(self, heartbeat: LeaseHeartbeat) -> _Chunk[Item] | None:
        """Claim and load the next sessions; None when nothing is due or the run is to end."""
        claim = self._claim(sessions) if (sessions := self._sessions_to_claim()) else None
        if claim is None:
            return None
        heartbeat.hold(claim.token)
        items = self._settler.load(claim.token, claim.attempts)
        return _Chunk(claim.token, {item.session_id: item for item in items})

    def _settle_chunk(self, chunk: _Chunk[Item], handled: Handled[Result], heartbeat: LeaseHeartbeat) -> None:
        for error in handled.systemic:
            self._settler.note_systemic(error)
        has_ended = self._settler.settle(chunk.token, chunk.items, handled.outcomes)
        self._settler.postpone(chunk.token, chunk.items, handled.postponed)
        if not has_ended:
            self._settler.release(chunk.token)
        heartbeat.let_go(chunk.token)

    def _sessions_to_claim(self) -> int:
        if self._stop_requested.is_set() or self._failed or self._settler.everyone_stopped:
            return 0
        if self.budget_seconds is not None and time.monotonic() - self._started >= self.budget_seconds:
            return 0
        if self.limit is None:
            return self.stage.claim_size
        # Sessions that ``ingest`` completed count as claimed, and may be more than the limit.
        return max(0, min(self.stage.claim_size, self.limit - self.report.claimed))

    def _claim(self, sessions: int) -> Claim | None:
        def claim(connection: Connection) -> Claim:
            return self._settler.manager(connection).claim(
                self.stage.name,
                sessions,
                self.scope,
                lease_seconds=self._settings.lease_seconds,
                owner=self.owner,
                dag_run=self.dag_run,
                without_company_ids=self._settler.stopped_companies,
            )

        claimed = in_transaction(self.engine, claim)
        self.report.claimed += len(claimed.attempts)
        return claimed if claimed.attempts else None


def add_missing_stage_rows(engine: Engine, pipeline: Pipeline) -> int:
    """Give every session a status row for each stage; returns how many sessions lacked one.

    Sessions that were imported before a stage was added go through that stage too. A transaction per chunk; two runs
    may do it at the same time. When no row is missing, this reads the breakdown once.
    """
    with engine.connect() as connection:
        if not ProcessingStatusManager(connection, pipeline=pipeline).get_pipeline_status().lacks_rows:
            return 0
    completed, last = 0, None
    while chunk := _complete_next_chunk(engine, pipeline, last):
        completed, last = completed + len(chunk), max(chunk)
    log.info("%d sessions from before a stage was added go through it now", completed)
    return completed


def _complete_next_chunk(engine: Engine, pipeline: Pipeline, after: UUID | None) -> dict[UUID, UUID]:
    with engine.connect() as connection:
        incomplete = ProcessingStatusManager(connection, pipeline=pipeline).get_incomplete_sessions(
            MISSING_ROWS_CHUNK, after=after
        )

    def initialize(connection: Connection) -> None:
        ProcessingStatusManager(connection, pipeline=pipeline).initialize_sessions(incomplete)

    in_transaction(engine, initialize)
    return incomplete

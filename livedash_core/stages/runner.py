"""The one loop of the project: claim → load → handle → store and settle → report, batch by batch.

It holds no transaction while a stage works, and no lease while it does not.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from livedash_core.db import first_line, in_transaction
from livedash_core.errors import SystemicError
from livedash_core.stages.batch import Batch
from livedash_core.stages.bringing_along import bring_along
from livedash_core.stages.lease_keeper import LeaseKeeper
from livedash_core.stages.report import StageReport
from livedash_core.stages.settling import Settling
from livedash_core.stages.stage import Stage
from livedash_core.status import Claim, Scope

Progress = Callable[[StageReport], None]


class Runner:
    """Drives one stage through a scope. ``stop()`` may be called from a signal handler or another thread.

    ``dag_run`` and ``owner`` are written to leases and failures, for people to find.
    """

    def __init__(
        self,
        engine: Engine,
        stage: Stage,
        stages: tuple[str, ...],
        *,
        scope: Scope | None = None,
        limit: int | None = None,
        budget_seconds: float | None = None,
        dag_run: str | None = None,
        on_progress: Progress | None = None,
    ) -> None:
        self.engine = engine
        self.stage = stage
        self.stages = stages
        self.scope = scope or Scope()
        self.limit = limit
        self.budget_seconds = budget_seconds
        self.dag_run = dag_run
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self.report = StageReport(stage.name)
        self._on_progress = on_progress
        self._settings = stage.tools.settings
        self._stopping = threading.Event()
        self._batch: Batch | None = None
        self._settling = Settling(engine, stage, stages, self.report)

    def run(self) -> StageReport:
        """Work until the scope is empty, the limit or the time is used up, or somebody says stop.

        Raises ``SystemicError`` when the database fails, or when the stage says so outside ``handle``.
        """
        started = time.monotonic()
        try:
            self._drain(started)
            self._settling.finish()
        except DBAPIError as error:
            raise SystemicError(f"the database failed during {self.stage.name}: {first_line(error)}") from error
        finally:
            self.report.seconds = time.monotonic() - started
        return self.report

    def _drain(self, started: float) -> None:
        with LeaseKeeper(self.engine, self._settings.lease_seconds) as keeper, asyncio.Runner() as loop:
            try:
                bring_along(self.engine, self.stages)
                self.stage.bring_in(self.stages, self.scope, self.report, self)
                while (sessions := self._wanted(time.monotonic() - started)) and (claim := self._claim(sessions)):
                    keeper.hold(claim.token)
                    self._work(claim, loop)
                    keeper.hold(None)
                    self.report.seconds = time.monotonic() - started
                    self.tell(self.report)
            except SystemicError as error:
                self._settling.note_systemic(error)
                raise
            finally:
                loop.run(self.stage.close())

    def stop(self) -> None:
        """Settle what is ready, release the rest, and return."""
        self._stopping.set()
        # Read once: the batch may end meanwhile.
        if (batch := self._batch) is not None:
            batch.cancel()

    def stopping(self) -> bool:
        """Whether somebody said stop."""
        return self._stopping.is_set()

    def tell(self, report: StageReport) -> None:
        """Pass progress on to whoever watches."""
        if self._on_progress is not None:
            self._on_progress(report)

    # --- one batch

    def _wanted(self, elapsed_seconds: float) -> int:
        if self._stopping.is_set() or self._settling.everyone_stopped:
            return 0
        if self.budget_seconds is not None and elapsed_seconds >= self.budget_seconds:
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

    def _work(self, claim: Claim, loop: asyncio.Runner) -> None:
        try:
            items = self._settling.load(claim.token, claim.attempts)
            self._batch = batch = Batch(self.stage)
            if self._stopping.is_set():  # the signal came while we loaded
                batch.cancel()
            outcomes = loop.run(batch.run(items))
            self._batch = None
            for error in batch.systemic:
                self._settling.note_systemic(error)
            known = {item.session_id: item for item in items}
            self._settling.settle(claim.token, known, outcomes)
            self._settling.postpone(claim.token, known, batch.postponed)
        finally:
            # If the database is gone, this fails too: then the lease runs out, and the next claim takes what it held.
            self._settling.release(claim.token)

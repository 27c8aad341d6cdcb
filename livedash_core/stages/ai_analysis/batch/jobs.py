"""The batches of a run: send what is due, look after what is under way, collect what has ended."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Self
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from uuid6 import uuid7

from livedash_core.analysis.openai.batch_api import BatchApi
from livedash_core.db import advisory_lock, first_line, in_transaction
from livedash_core.errors import SystemicError, TransientError
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch import rows
from livedash_core.stages.ai_analysis.batch.builder import BatchBuilder
from livedash_core.stages.ai_analysis.batch.lifecycle import BatchLifecycle
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.stages.execution.lease_heartbeat import LeaseHeartbeat
from livedash_core.stages.report import StageReport
from livedash_core.status import Claim, Scope

log = logging.getLogger(__name__)

#: A batch takes a day at most, and is collected by whoever comes along. Only after a week without anybody may others
#: take its sessions, and pay for them again.
HELD_SECONDS = 7 * 86_400


class BatchRunner:
    """A context manager for the work of one process: ``submit``, then ``look`` until nothing is under way.

    ``monitored_seconds``: how long after a look no other process has to look. ``stop()`` may be called from a signal
    handler or another thread; what is under way goes on, and is left to whoever looks next. ``cancel()`` ends that too.
    """

    def __init__(
        self,
        engine: Engine,
        stage: AiAnalysis,
        pipeline: Pipeline,
        *,
        scope: Scope | None = None,
        limit: int | None = None,
        dag_run: str | None = None,
        monitored_seconds: float = 300,
        on_progress: Callable[[StageReport], None] | None = None,
    ) -> None:
        self.report = StageReport(stage.name)
        self._engine = engine
        self._stage = stage
        self._settings = stage.tools.settings
        self._scope = scope or Scope()
        self._limit = limit
        self._dag_run = dag_run
        self._monitored_seconds = monitored_seconds
        self._on_progress = on_progress
        self._settling = ClaimSettler(engine, stage, pipeline, self.report)
        self._stopping = threading.Event()
        self._cancelled = threading.Event()
        self._steps: BatchLifecycle | None = None
        self._resources = ExitStack()
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._loop = self._resources.enter_context(asyncio.Runner())
        self._resources.callback(lambda: self._loop.run(self._stage.close()))
        self._keeper = self._resources.enter_context(LeaseHeartbeat(self._engine, self._settings.lease_seconds))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if value is None:
                with self._database():
                    self._settling.finish()
            self.report.seconds += time.monotonic() - self._started

    def stop(self) -> None:
        """End what can be gone on with later."""
        self._stopping.set()
        # Read once: the batch may end meanwhile.
        if (steps := self._steps) is not None:
            steps.collecting.stop()

    def cancel(self) -> None:
        """Stop, and have the model server stop too: what it has finished by then is for whoever looks next.

        Waits for nothing but the server, so it is for a thread of its own; a batch that is being made is cancelled by
        who makes it.
        """
        self._cancelled.set()
        self.stop()
        with self._engine.connect() as connection:
            remote_ids = rows.sent_by(connection, self._dag_run)
        if remote_ids:
            asyncio.run(self._cancel(remote_ids))
        self.leave()

    def stopping(self) -> bool:
        """Whether somebody said stop."""
        return self._stopping.is_set()

    def submit(self, company_ids: Sequence[UUID]) -> None:
        """Send all that is due of these companies, in as many batches as that takes."""
        with self._database():
            for company_id in company_ids:
                while (sessions := self._wanted(company_id)) and (claim := self._claim(company_id, sessions)):
                    self._keeper.hold(claim.token)
                    with self._noting():
                        self._send(claim)
                    self._keeper.let_go(claim.token)
                    self._tell()

    def look(self) -> list[rows.BatchRow]:
        """Look at every batch in the scope that this run, or nobody, looks after; returns those worth waiting for."""
        with self._database():
            for row in self._mine():
                if not self._stopping.is_set() and not self._is_out_of_reach(row.company_id):
                    self._look_at(row)
                    self._tell()
            return [row for row in self._mine() if not self._is_out_of_reach(row.company_id)]

    def leave(self) -> None:
        """Let others look after what is still under way, from now on."""
        with self._database():
            self._mine(seconds=0)

    async def _cancel(self, remote_ids: Sequence[str]) -> None:
        assert self._settings.openai_api_key is not None, "with it they were sent"
        api = BatchApi.watching(self._settings.openai_api_key.get_secret_value(), self._settings.openai_base_url)
        await api.cancel_all(remote_ids)
        await api.close()

    # --- sending

    def _wanted(self, company_id: UUID) -> int:
        if self._stopping.is_set() or self._is_stopped(company_id):
            return 0
        with self._engine.connect() as connection:
            most = min(
                self._settings.batch_requests, rows.shrunk_to(connection, company_id) or self._settings.batch_requests
            )
        return most if self._limit is None else max(0, min(most, self._limit - self.report.claimed))

    def _claim(self, company_id: UUID, sessions: int) -> Claim | None:
        def take(connection: Connection) -> Claim:
            return self._settling.manager(connection).claim(
                self._stage.name,
                sessions,
                replace(self._scope, company_ids=(company_id,)),
                lease_seconds=self._settings.lease_seconds,
                owner=f"{socket.gethostname()}:{os.getpid()}",
                dag_run=self._dag_run,
            )

        claim = in_transaction(self._engine, take)
        self.report.claimed += len(claim.attempts)
        return claim if claim.attempts else None

    def _send(self, claim: Claim) -> None:
        batch_id = uuid7()
        # Locked before it can be seen: nobody else shall find it half done.
        with advisory_lock(self._engine, str(batch_id)), tempfile.TemporaryFile() as content:
            preparing = BatchBuilder(self._settling, self._stage, batch_id, self._dag_run)
            error = None
            try:
                preparing.write(claim, content)
            except SystemicError as caught:
                error = caught
            row = self._find(batch_id)
            if row is None or preparing.analyzer is None:
                self._settling.release(claim.token)  # nobody needs to be asked, or nobody can be
            else:
                steps = self._steps_of(row)
                if error or self._stopping.is_set() or not self._hold(row):
                    steps.return_claims(str(error or "stopped before it was sent"))
                else:
                    content.seek(0)
                    steps.send(content)
            if error:
                raise error

    # --- looking after

    def _look_at(self, seen: rows.BatchRow) -> None:
        with advisory_lock(self._engine, str(seen.id)) as mine:
            row = self._find(seen.id) if mine else None
            if row is None:
                return  # somebody else is at it, or has just closed it
            # Lost sessions do not end a batch: what it answers has been paid for.
            self._hold(row)
            with self._noting() as noted:
                self._steps = self._steps_of(row)
                self._steps.advance()
            if noted and self._steps and (datetime.now(UTC) - row.created_at).total_seconds() > HELD_SECONDS:
                self._steps.abandon(f"given up after a week: {noted[0]}")
            self._steps = None

    def _steps_of(self, row: rows.BatchRow) -> BatchLifecycle:
        api = self._stage.batches_of(row.model, row.company_id)
        return BatchLifecycle(self._settling, self._stage, self._loop, row, api, self._cancelled.is_set)

    def _find(self, batch_id: UUID) -> rows.BatchRow | None:
        with self._engine.connect() as connection:
            return rows.find(connection, batch_id)

    def _mine(self, seconds: float | None = None) -> list[rows.BatchRow]:
        """The batches to look after, which others can see from now on for ``seconds``."""
        seconds = self._monitored_seconds if seconds is None else seconds
        with self._engine.begin() as connection:
            found = rows.to_look_after(connection, self._scope.company_ids, self._dag_run)
            rows.attend(connection, [row.id for row in found], self._dag_run, seconds)
        return found

    def _hold(self, row: rows.BatchRow) -> bool:
        """Keep the batch and its sessions from everybody else; False if the sessions are somebody else's already."""

        def hold(connection: Connection) -> bool:
            rows.attend(connection, [row.id], self._dag_run, self._monitored_seconds)
            return self._settling.manager(connection).renew(row.lease_token, lease_seconds=HELD_SECONDS)

        return in_transaction(self._engine, hold)

    # --- what they share

    @contextmanager
    def _noting(self) -> Iterator[list[SystemicError]]:
        """A systemic error stops its company; a transient one is another look's business. Yields what was noted."""
        noted: list[SystemicError] = []
        try:
            yield noted
        except TransientError as error:
            log.warning("%s", error)
        except SystemicError as error:
            self._settling.note_systemic(error)
            noted.append(error)

    @contextmanager
    def _database(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise SystemicError(f"the database failed during {self._stage.name}: {first_line(error)}") from error

    def _is_stopped(self, company_id: UUID) -> bool:
        return self._settling.everyone_stopped or company_id in self._settling.stopped_companies

    def _is_out_of_reach(self, company_id: UUID) -> bool:
        """Whether looking would fail as before. A company that is only held back (a budget) gets what it has paid."""
        return any(incident.company_id in (None, company_id) for incident in self.report.incidents)

    def _tell(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.report)

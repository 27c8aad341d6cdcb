"""Runs the batches of a scope in one process: submits what is due, polls what is in progress, collects results."""

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
from itertools import groupby
from types import TracebackType
from typing import Self
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError
from uuid6 import uuid7

from livedash_core.analysis.batches import create_watcher
from livedash_core.db import advisory_lock, first_line, in_transaction
from livedash_core.errors import SystemicError, TransientError
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch import rows
from livedash_core.stages.ai_analysis.batch.builder import BatchBuilder
from livedash_core.stages.ai_analysis.batch.lifecycle import BatchLifecycle
from livedash_core.stages.ai_analysis.stage import AiAnalysis, AnalysisResult, Conversation
from livedash_core.stages.execution.claim_settler import ClaimSettler
from livedash_core.stages.execution.failures import describe
from livedash_core.stages.execution.lease_heartbeat import LeaseHeartbeat
from livedash_core.stages.report import StageReport
from livedash_core.status import Claim, Scope

log = logging.getLogger(__name__)

#: The lease of a batch's sessions. A batch ends within a day and is collected by the next process that polls it. Only
#: if none does for a week, its sessions can be claimed again, which pays for them a second time.
LEASE_SECONDS = 7 * 86_400


class BatchRunner:
    """A context manager: ``submit``, then ``poll`` until it returns no batch.

    After a poll, no other process polls the same batches for ``monitored_seconds``. ``stop()`` may be called from a
    signal handler or another thread; the batches continue at the provider, and the next process that polls collects
    them. ``cancel()`` cancels them at the provider as well.
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
        self._settings = stage.context.settings
        self._scope = scope or Scope()
        self._limit = limit
        self._dag_run = dag_run
        self._monitored_seconds = monitored_seconds
        self._on_progress = on_progress
        self._settler: ClaimSettler[Conversation, AnalysisResult] = ClaimSettler(engine, stage, pipeline, self.report)
        self._stop_requested = threading.Event()
        self._cancelled = threading.Event()
        self._lifecycle: BatchLifecycle | None = None
        self._resources = ExitStack()
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        self._loop = self._resources.enter_context(asyncio.Runner())
        self._resources.callback(lambda: self._loop.run(self._stage.close()))
        self._heartbeat = self._resources.enter_context(LeaseHeartbeat(self._engine, self._settings.lease_seconds))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._resources:
            if value is None:
                with self._translating_database_errors():
                    self._settler.finish()
            self.report.seconds += time.monotonic() - self._started

    def stop(self) -> None:
        """Ask the run to end; everything can be resumed later."""
        self._stop_requested.set()
        # Read once: the batch may end meanwhile.
        if (lifecycle := self._lifecycle) is not None:
            lifecycle.collector.stop()

    def cancel(self) -> None:
        """Stop, and cancel the batches of this run at the provider; the next run collects what they have finished.

        Waits for the provider, so call it from another thread. A batch that is being built or submitted is cancelled
        by the thread that does it.
        """
        self._cancelled.set()
        self.stop()
        with self._engine.connect() as connection:
            submitted = rows.submitted_by(connection, self._dag_run)
        for analyzer, batches in groupby(sorted(submitted, key=_analyzer_of), key=_analyzer_of):
            asyncio.run(self._cancel(analyzer, [str(row.remote_id) for row in batches]))
        self.detach()

    def should_stop(self) -> bool:
        """Whether ``stop`` was called."""
        return self._stop_requested.is_set()

    def submit(self, company_ids: Sequence[UUID]) -> None:
        """Send all due sessions of these companies, in as many batches as that takes."""
        with self._translating_database_errors():
            for company_id in company_ids:
                while claim := self._claim(company_id):
                    self._heartbeat.hold(claim.token)
                    with self._noting_errors():
                        self._send(claim)
                    self._heartbeat.let_go(claim.token)
                    self._report_progress()

    def poll(self) -> list[rows.BatchRow]:
        """Advance each batch of the scope that this run monitors, or nothing does; returns those still in progress.

        Batches of a company that has an incident are left out: polling them again in this run would fail again.
        """
        with self._translating_database_errors():
            for row in self._monitored():
                if not self._stop_requested.is_set() and not self._has_incident(row.company_id):
                    self._advance(row)
                    self._report_progress()
            return [row for row in self._monitored() if not self._has_incident(row.company_id)]

    def detach(self) -> None:
        """Leave the open batches to other processes, from now on."""
        with self._translating_database_errors():
            self._monitored(seconds=0)

    async def _cancel(self, analyzer: str, remote_ids: Sequence[str]) -> None:
        adapter = create_watcher(analyzer, self._settings)
        await adapter.cancel(remote_ids)
        await adapter.close()

    # --- submitting

    def _sessions_to_claim(self, company_id: UUID) -> int:
        if self._stop_requested.is_set() or self._is_stopped(company_id):
            return 0
        with self._engine.connect() as connection:
            reduced = rows.reduced_size(connection, company_id)
        most = self._settings.batch_requests if reduced is None else min(self._settings.batch_requests, reduced)
        return most if self._limit is None else max(0, min(most, self._limit - self.report.claimed))

    def _claim(self, company_id: UUID) -> Claim | None:
        sessions = self._sessions_to_claim(company_id)
        if not sessions:
            return None

        def claim(connection: Connection) -> Claim:
            return self._settler.manager(connection).claim(
                self._stage.name,
                sessions,
                replace(self._scope, company_ids=(company_id,)),
                lease_seconds=self._settings.lease_seconds,
                owner=f"{socket.gethostname()}:{os.getpid()}",
                dag_run=self._dag_run,
            )

        claimed = in_transaction(self._engine, claim)
        self.report.claimed += len(claimed.attempts)
        return claimed if claimed.attempts else None

    def _send(self, claim: Claim) -> None:
        batch_id = uuid7()
        # Locked before its row is visible, so that no other process takes it for an interrupted one.
        with advisory_lock(self._engine, str(batch_id)), tempfile.TemporaryFile() as content:
            error = None
            try:
                BatchBuilder(self._settler, self._stage, batch_id, self._dag_run).write(claim, content)
            except SystemicError as caught:
                error = caught
            row = self._find(batch_id)
            if row is None:
                self._settler.release(claim.token)  # no session needs a call, or no call can be made
            else:
                lifecycle = self._lifecycle_of(row)
                if error or self._stop_requested.is_set() or not self._hold(row):
                    lifecycle.return_claims(str(error or "stopped before it was sent"))
                else:
                    content.seek(0)
                    lifecycle.send(content)
            if error:
                raise error

    # --- polling

    def _advance(self, seen: rows.BatchRow) -> None:
        with advisory_lock(self._engine, str(seen.id)) as acquired:
            row = self._find(seen.id) if acquired else None
            if row is None:
                return  # another process works on it, or has just closed it
            # A batch whose sessions are lost is collected too: its results have been paid for.
            self._hold(row)
            with self._noting_errors(row) as systemic:
                self._lifecycle = self._lifecycle_of(row)
                self._lifecycle.advance()
            if systemic and self._lifecycle and (datetime.now(UTC) - row.created_at).total_seconds() > LEASE_SECONDS:
                self._lifecycle.abandon(f"abandoned after a week: {systemic[0]}")
            self._lifecycle = None

    def _lifecycle_of(self, row: rows.BatchRow) -> BatchLifecycle:
        analyzer = self._stage.batch_analyzer(row.analyzer, row.model, row.company_id)
        return BatchLifecycle(self._settler, self._stage, self._loop, row, analyzer, self._cancelled.is_set)

    def _find(self, batch_id: UUID) -> rows.BatchRow | None:
        with self._engine.connect() as connection:
            return rows.find(connection, batch_id)

    def _monitored(self, seconds: float | None = None) -> list[rows.BatchRow]:
        """The batches that this run monitors; other processes leave them alone for ``seconds`` from now on."""
        seconds = self._monitored_seconds if seconds is None else seconds
        with self._engine.begin() as connection:
            found = rows.to_monitor(connection, self._scope.company_ids, self._dag_run)
            rows.mark_monitored(connection, [row.id for row in found], self._dag_run, seconds)
        return found

    def _hold(self, row: rows.BatchRow) -> bool:
        """Renew the monitoring of the batch and the lease of its sessions; False if the lease was lost."""

        def hold(connection: Connection) -> bool:
            rows.mark_monitored(connection, [row.id], self._dag_run, self._monitored_seconds)
            return self._settler.manager(connection).renew(row.lease_token, lease_seconds=LEASE_SECONDS)

        return in_transaction(self._engine, hold)

    # --- errors

    @contextmanager
    def _noting_errors(self, row: rows.BatchRow | None = None) -> Iterator[list[SystemicError]]:
        """Note a systemic error, which stops its company; log a transient one, as the next poll tries again.

        A transient error of a batch that is overdue is noted too, and so is a bug: the batches of other companies go
        on. Yields the systemic errors.
        """
        systemic: list[SystemicError] = []

        def note(error: SystemicError) -> None:
            self._settler.note_systemic(error)
            systemic.append(error)

        try:
            yield systemic
        except TransientError as error:
            log.warning("%s", error)
            if row is not None and datetime.now(UTC) - row.created_at > rows.OVERDUE:
                note(SystemicError(f"a batch that is overdue cannot be polled: {error}", company_id=row.company_id))
        except SystemicError as error:
            note(error)
        except DBAPIError:
            raise
        except Exception as error:
            if row is None:
                raise
            log.exception("the batch %s of %s cannot be handled", row.id, row.company)
            note(SystemicError(f"a batch cannot be handled: {describe(error)}", company_id=row.company_id))

    @contextmanager
    def _translating_database_errors(self) -> Iterator[None]:
        try:
            yield
        except DBAPIError as error:
            raise SystemicError(f"the database failed during {self._stage.name}: {first_line(error)}") from error

    def _is_stopped(self, company_id: UUID) -> bool:
        return self._settler.everyone_stopped or company_id in self._settler.stopped_companies

    def _has_incident(self, company_id: UUID) -> bool:
        """Whether an error of this run concerns the company. If it is only deferred, its paid results are collected."""
        return any(incident.company_id in (None, company_id) for incident in self.report.incidents)

    def _report_progress(self) -> None:
        if self._on_progress is not None:
            self._on_progress(self.report)


def _analyzer_of(row: rows.BatchRow) -> str:
    return row.analyzer

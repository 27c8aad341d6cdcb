"""The one loop of the project: claim → load → handle → store and settle → report, batch by batch.

It holds no transaction while a stage works, and no lease while it does not.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from livedash_core.db import first_line, in_transaction
from livedash_core.errors import PermanentError, SystemicError
from livedash_core.stages.batch import Batch
from livedash_core.stages.bringing_along import bring_along
from livedash_core.stages.failures import describe, failure_of, is_the_databases_fault
from livedash_core.stages.lease_keeper import LeaseKeeper
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import Completed, Item, Outcome, Skipped, Stage
from livedash_core.status import Claim, Failure, ProcessingStatusManager, Scope, fold
from livedash_core.status.incidents import close_incidents, open_incident

log = logging.getLogger(__name__)

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
        self._stopped_companies: set[UUID] = set()
        self._served_companies: set[UUID] = set()
        self._everyone_stopped = False

    def run(self) -> StageReport:
        """Work until the scope is empty, the limit or the time is used up, or somebody says stop.

        Raises ``SystemicError`` when the database fails, or when the stage says so outside ``handle``.
        """
        started = time.monotonic()
        try:
            self._drain(started)
            self._finish()
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
                self._note_systemic(error)
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
        if self._stopping.is_set() or self._everyone_stopped:
            return 0
        if self.budget_seconds is not None and elapsed_seconds >= self.budget_seconds:
            return 0
        if self.limit is None:
            return self.stage.batch_size
        # What a stage brought in counts, and may be more than the limit.
        return max(0, min(self.stage.batch_size, self.limit - self.report.claimed))

    def _claim(self, sessions: int) -> Claim | None:
        def take(connection: Connection) -> Claim:
            return self._manager(connection).claim(
                self.stage.name,
                sessions,
                self.scope,
                lease_seconds=self._settings.lease_seconds,
                owner=self.owner,
                dag_run=self.dag_run,
                without_company_ids=self._stopped_companies,
            )

        claim = in_transaction(self.engine, take)
        self.report.claimed += len(claim.attempts)
        return claim if claim.attempts else None

    def _work(self, claim: Claim, loop: asyncio.Runner) -> None:
        try:
            items = self._load(claim)
            self._batch = batch = Batch(self.stage)
            if self._stopping.is_set():  # the signal came while we loaded
                batch.cancel()
            outcomes = loop.run(batch.run(items))
            self._batch = None
            for error in batch.systemic:
                self._note_systemic(error)
            self._settle(claim, {item.session_id: item for item in items}, outcomes)
        finally:
            # If the database is gone, this fails too: then the lease runs out, and the next claim takes what it held.
            self._release(claim)

    def _load(self, claim: Claim) -> list[Item]:
        items: list[Item] = []

        def load(part: list[UUID]) -> None:
            with self.engine.begin() as connection:
                items.extend(self.stage.load(connection, part))

        unreadable = self._in_halves(list(claim.attempts), load)
        missing = claim.attempts.keys() - {item.session_id for item in items} - {one.session_id for one in unreadable}
        gone = "its imported row is gone; import the company's CSV again"
        self._fail(claim, unreadable + [Failure(session_id, PermanentError.kind, gone) for session_id in missing])
        return items

    def _settle(self, claim: Claim, items: Mapping[UUID, Item], outcomes: Mapping[UUID, Outcome | Exception]) -> None:
        handled = [session_id for session_id, outcome in outcomes.items() if isinstance(outcome, Completed | Skipped)]
        failed = {session_id: outcome for session_id, outcome in outcomes.items() if isinstance(outcome, Exception)}
        self._fail(claim, [failure_of(session_id, error) for session_id, error in failed.items()])

        def settle(part: list[UUID]) -> None:
            completed = {key: word.metadata for key in part if isinstance(word := outcomes[key], Completed)}
            skipped = {key: word.reason for key in part if isinstance(word := outcomes[key], Skipped)}

            def write(connection: Connection) -> tuple[list[UUID], list[UUID]]:
                manager = self._manager(connection)
                # Settle first: what we no longer hold must not be written either.
                done = manager.complete(self.stage.name, claim.token, completed) if completed else []
                left = manager.skip(self.stage.name, claim.token, skipped) if skipped else []
                results = {key: result for key in [*done, *left] if (result := _result(outcomes[key])) is not None}
                if results:
                    self.stage.store(connection, results)
                return done, left

            done, left = in_transaction(self.engine, write)
            self.report.completed += len(done)
            self.report.skipped += len(left)
            self._served_companies.update(items[key].company_id for key in [*done, *left])

        self._fail(claim, self._in_halves(handled, settle))

    def _in_halves(self, ids: list[UUID], work: Callable[[list[UUID]], None]) -> list[Failure]:
        """``work`` for all at once; if that fails as a whole, for each half, until the poisonous row stands alone."""
        if not ids:
            return []
        try:
            work(ids)
        except SystemicError:
            raise
        except Exception as error:
            if is_the_databases_fault(error):
                raise
            if len(ids) == 1:
                log.warning("%s breaks on session %s: %s", self.stage.name, ids[0], type(error).__name__)
                return [Failure(ids[0], PermanentError.kind, describe(error))]
            middle = len(ids) // 2
            return self._in_halves(ids[:middle], work) + self._in_halves(ids[middle:], work)
        return []

    def _fail(self, claim: Claim, failures: list[Failure]) -> None:
        if not failures:
            return
        failed = in_transaction(
            self.engine, lambda connection: self._manager(connection).fail(self.stage.name, claim.token, failures)
        )
        for failure in failures:
            if failure.session_id in failed:
                self.report.note_failure(failure.session_id, failure.message)

    def _release(self, claim: Claim) -> None:
        """Give back what was not settled, and end the lease."""
        released = in_transaction(self.engine, lambda connection: self._manager(connection).release(claim.token))
        self.report.released += len(released)

    # --- around the batches

    def _note_systemic(self, error: SystemicError) -> None:
        self.report.incidents.append(error)
        if error.company_id is None:
            self._everyone_stopped = True
        else:
            self._stopped_companies.add(error.company_id)
        with self.engine.begin() as connection:
            open_incident(connection, self.stage.name, error.company_id, str(error))

    def _finish(self) -> None:
        # Not only who stopped in a batch: a company's CSV may be out of reach while rows of it are imported.
        stopped = {incident.company_id for incident in self.report.incidents}
        served = bool(self._served_companies)

        def finish(connection: Connection) -> None:
            close_incidents(
                connection,
                self.stage.name,
                [company_id for company_id in self._served_companies if company_id not in stopped],
                for_everyone=served and None not in stopped,
            )
            fold(connection)

        in_transaction(self.engine, finish)

    def _manager(self, connection: Connection) -> ProcessingStatusManager:
        return ProcessingStatusManager(connection, stages=self.stages, max_attempts=self._settings.max_attempts)


def _result(outcome: Outcome | Exception) -> Any:
    return outcome.result if isinstance(outcome, Completed | Skipped) else None

"""Loads, settles, fails and releases claimed sessions, for every holder of a claim.

The runner holds a claim while it handles the sessions, a batch while the provider does; both settle them here.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, text

from livedash_core.db import in_transaction
from livedash_core.errors import PermanentError, SystemicError, UnavailableError
from livedash_core.outcomes import Completed, Deferred, Skipped
from livedash_core.pipeline import Pipeline
from livedash_core.stages.execution.failures import describe, is_database_failure, to_failure
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import Stage, StageItem
from livedash_core.status import Failure, ProcessingStatusManager, fold
from livedash_core.status.incidents import close_incidents, open_incident

log = logging.getLogger(__name__)

Item = TypeVar("Item", bound=StageItem)
Result = TypeVar("Result")

# An array instead of a parameter per session: one statement text, prepared once.
_ERASED = text(
    "SELECT id FROM livedash.session_import WHERE id = ANY (CAST(:session_ids AS uuid[])) AND erased_at IS NOT NULL"
)


class ClaimSettler(Generic[Item, Result]):
    """Writes in transactions of its own and counts in ``report``."""

    def __init__(self, engine: Engine, stage: Stage[Item, Result], pipeline: Pipeline, report: StageReport) -> None:
        self.engine = engine
        self.stage = stage
        self.report = report
        #: Companies that a systemic error stopped in this run, or that are deferred to the next run.
        self.stopped_companies: set[UUID] = set()
        self.everyone_stopped = False
        self._pipeline = pipeline
        self._served_companies: set[UUID] = set()

    def manager(self, connection: Connection) -> ProcessingStatusManager:
        """The status manager of this pipeline."""
        return ProcessingStatusManager(
            connection, pipeline=self._pipeline, max_attempts=self.stage.context.settings.max_attempts
        )

    def load(self, token: UUID, session_ids: Iterable[UUID]) -> list[Item]:
        """Load the stage's items for these sessions.

        A session that cannot be read, or whose import row is gone, fails; an erased one is skipped and not read. Those
        that do not fit in memory with the others are released.
        """
        items: list[Item] = []

        def load(part: list[UUID]) -> None:
            with self.engine.begin() as connection:
                items.extend(self.stage.load(connection, part))

        claimed = list(session_ids)
        wanted = self._wanted(token, claimed)
        unreadable = self._bisect(wanted, load)
        missing = set(wanted) - {item.session_id for item in items} - {one.session_id for one in unreadable}
        gone = "its imported row is gone; import the company's CSV again"
        self.fail(token, unreadable + [Failure(session_id, PermanentError.kind, gone) for session_id in missing])
        return items

    def _wanted(self, token: UUID, claimed: list[UUID]) -> list[UUID]:
        """The claimed sessions to load; erased ones are skipped, and those for which memory is short are released."""

        def choose(connection: Connection) -> tuple[list[UUID], list[UUID], list[UUID]]:
            manager = self.manager(connection)
            erased = set(connection.scalars(_ERASED, {"session_ids": claimed}))
            reasons = dict.fromkeys(erased, "its content was erased")
            skipped = manager.skip(self.stage.name, token, reasons) if reasons else []
            present = [session_id for session_id in claimed if session_id not in erased]
            wanted = self.stage.within_memory(connection, present)
            others = set(present).difference(wanted)
            return list(wanted), skipped, manager.release(token, others) if others else []

        wanted, skipped, released = in_transaction(self.engine, choose)
        self.report.skipped += len(skipped)
        # They are claimed again in this run, and count then.
        self.report.claimed -= len(released)
        return wanted

    def settle(
        self,
        token: UUID,
        items: Mapping[UUID, Item],
        outcomes: Mapping[UUID, Completed[Result] | Skipped[Result] | Exception],
    ) -> bool:
        """Complete, skip or fail what the token still holds; results are stored in the transaction that settles.

        Returns whether that transaction also ended the lease, because nothing is left to settle.
        """
        handled = [session_id for session_id, outcome in outcomes.items() if isinstance(outcome, Completed | Skipped)]
        failed = {session_id: outcome for session_id, outcome in outcomes.items() if isinstance(outcome, Exception)}
        self.fail(token, [to_failure(session_id, error) for session_id, error in failed.items()])
        # A server that refuses one session for good has answered: it is no longer down.
        answered = [session_id for session_id, error in failed.items() if isinstance(error, PermanentError)]
        self._served_companies.update(items[session_id].company_id for session_id in answered)

        has_ended = False

        def settle(part: list[UUID]) -> None:
            nonlocal has_ended
            completed = {key: outcome for key in part if isinstance(outcome := outcomes[key], Completed)}
            skipped = {key: outcome for key in part if isinstance(outcome := outcomes[key], Skipped)}
            metadata = {key: outcome.metadata for key, outcome in completed.items()}
            reasons = {key: outcome.reason for key, outcome in skipped.items()}
            notes = {key: outcome.metadata for key, outcome in skipped.items()}

            def write(connection: Connection) -> tuple[list[UUID], list[UUID], bool]:
                manager = self.manager(connection)
                # Settle first: the results of sessions whose lease was lost must not be written.
                done = manager.complete(self.stage.name, token, metadata) if completed else []
                left = manager.skip(self.stage.name, token, reasons, notes) if skipped else []
                results = {key: completed[key].result for key in done}
                results |= {key: result for key in left if (result := skipped[key].result) is not None}
                if results:
                    self.stage.store(connection, results)
                # Last, because the renewal of the lease waits for this transaction from here on.
                return done, left, manager.end_lease(token)

            done, left, has_ended = in_transaction(self.engine, write)
            self.report.completed += len(done)
            self.report.skipped += len(left)
            self._served_companies.update(items[key].company_id for key in [*done, *left])

        self.fail(token, self._bisect(handled, settle))
        return has_ended

    def fail(self, token: UUID, failures: Sequence[Failure]) -> None:
        """Record failed attempts of what the token still holds."""
        if not failures:
            return
        failed = in_transaction(
            self.engine, lambda connection: self.manager(connection).fail(self.stage.name, token, failures)
        )
        for failure in failures:
            if failure.session_id in failed:
                self.report.note_failure(failure.session_id, failure.message)

    def release(
        self, token: UUID, session_ids: Iterable[UUID] | None = None, *, delay_seconds: float = 0
    ) -> list[UUID]:
        """Release what was not settled, all of it or some; a lease without sessions ends."""
        released = in_transaction(
            self.engine,
            lambda connection: self.manager(connection).release(token, session_ids, delay_seconds=delay_seconds),
        )
        self.report.released += len(released)
        return released

    def postpone(
        self, token: UUID, items: Mapping[UUID, StageItem], postponed: Mapping[UUID, Deferred | UnavailableError]
    ) -> None:
        """Release what could not be tried, with the delay after which it is due; report each reason once."""
        reasons: dict[str, list[UUID]] = {}
        for session_id, cause in postponed.items():
            reasons.setdefault(str(cause), []).append(session_id)
        for reason, ids in reasons.items():
            self.release(token, ids, delay_seconds=max(postponed[each].retry_after_seconds for each in ids))
            first, company_id = postponed[ids[0]], items[ids[0]].company_id
            if isinstance(first, Deferred):
                self._note_deferred(first, company_id)
            elif reason not in map(str, self.report.incidents):
                self._note(SystemicError(reason, company_id=company_id))

    def _note_deferred(self, deferred: Deferred, company_id: UUID) -> None:
        if deferred.this_session or company_id in self.stopped_companies:
            return
        self.stopped_companies.add(company_id)
        self.report.deferred.append(deferred)
        with self.engine.begin() as connection:
            open_incident(connection, self.stage.name, company_id, deferred.message, kind=deferred.reason)

    def note_systemic(self, error: SystemicError) -> None:
        """Stop the error's company, or all of them, and open an incident that the pages show."""
        if error.company_id is None:
            self.everyone_stopped = True
        else:
            self.stopped_companies.add(error.company_id)
        self._note(error)

    def _note(self, error: SystemicError) -> None:
        self.report.incidents.append(error)
        if error.local:
            return
        with self.engine.begin() as connection:
            open_incident(connection, self.stage.name, error.company_id, str(error))

    def finish(self) -> None:
        """Close the incidents of the companies that were processed, and fold the count deltas."""
        # Not only companies that stopped while handling: a CSV may be out of reach while its rows are processed.
        stopped = {incident.company_id for incident in self.report.incidents} | self.stopped_companies
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

    def _bisect(self, ids: list[UUID], work: Callable[[list[UUID]], None]) -> list[Failure]:
        """Call ``work`` for all ids at once; if that fails, for each half, until each failing session is found."""
        if not ids:
            return []
        try:
            work(ids)
        except SystemicError:
            raise
        except Exception as error:
            if is_database_failure(error):
                raise
            if len(ids) == 1:
                log.warning("%s breaks on session %s: %s", self.stage.name, ids[0], type(error).__name__)
                return [Failure(ids[0], PermanentError.kind, describe(error))]
            middle = len(ids) // 2
            return self._bisect(ids[:middle], work) + self._bisect(ids[middle:], work)
        return []

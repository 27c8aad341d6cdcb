"""The status manager: which worker holds which session, how each stage ended, and which work is due.

It is the only writer of the status tables. Each verb is one statement from ``sql/``; a verb that must see what others
stored while it waited takes a lock first. The manager works on the connection that it is given and never commits, so
that a stage's effect and its status change in one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from livedash_core.errors import IllegalMove, LeaseLost, UnknownSession, UsageError
from livedash_core.pipeline import BUILT_IN, Pipeline
from livedash_core.status.backoff import delays
from livedash_core.status.breakdown import Breakdown, read_breakdown
from livedash_core.status.records import (
    Claim,
    FailedSession,
    Failure,
    ImportedHistory,
    Metadata,
    StageStatus,
    import_history_parameters,
    json_object,
    skip_document,
)
from livedash_core.status.redaction import ERASED, redact
from livedash_core.status.scope import Scope
from livedash_core.status.statements import statement

#: The table from which ``initialize_new_sessions`` reads sessions, so that they do not pass through Python.
NEW_SESSIONS = "pg_temp.new_session"
_CREATE_NEW_SESSIONS = text(
    f"""
    DROP TABLE IF EXISTS {NEW_SESSIONS};
    CREATE TEMPORARY TABLE new_session (id uuid, company_id uuid, completed_stages int, metadata jsonb)
    ON COMMIT DELETE ROWS
    """
)
_LOCK_TABLE = text("LOCK TABLE livedash.session_processing_status IN EXCLUSIVE MODE")


class ProcessingStatusManager:
    """The verbs for sets of sessions, which stages use, then those for one session, named as in livedash-node.

    ``max_attempts`` is the number of transient failures of a stage after which the session is FAILED.
    """

    def __init__(self, connection: Connection, *, pipeline: Pipeline = BUILT_IN, max_attempts: int = 5) -> None:
        self.connection = connection
        self.pipeline = pipeline
        self.max_attempts = max_attempts

    def initialize_sessions(self, sessions: Mapping[UUID, UUID], *, completed_stages: int = 0) -> list[UUID]:
        """Give each session (id → company id) its rows; returns the ids that were new. Idempotent.

        A session that is older than an added stage gets that stage's row, due if the stage before it is finished. This
        needs a transaction, and all other verbs wait until it ends: one that had begun before would not see the new
        rows, and the added stage would never open.
        """
        ids, stages = list(sessions), list(self.pipeline.names)
        if self._ids("lacks_rows", session_ids=ids, stages=stages):
            self.connection.execute(_LOCK_TABLE)
        rows = self.connection.execute(
            statement("initialize"),
            {
                "session_ids": ids,
                "company_ids": list(sessions.values()),
                "stages": stages,
                "completed_stages": completed_stages,
            },
        ).all()
        if older := [row.session_id for row in rows if not row.is_new]:
            self.connection.execute(statement("realign"), {"session_ids": older, "stages": stages})
        return [row.session_id for row in rows if row.is_new]

    def expect_new_sessions(self) -> None:
        """Create the temporary table ``NEW_SESSIONS`` on this connection; each commit empties it.

        Its columns are id, company_id, completed_stages, and metadata of the first stage if that is completed.
        """
        self.connection.execute(_CREATE_NEW_SESSIONS)

    def initialize_new_sessions(self) -> None:
        """Initialize the sessions in ``NEW_SESSIONS``: faster, for ids created in this transaction.

        Raises SQLAlchemy's ``IntegrityError`` for other ids.
        """
        self.connection.execute(statement("initialize_new"), {"stages": list(self.pipeline.names)})

    def claim(
        self,
        stage: str,
        limit: int,
        scope: Scope | None = None,
        *,
        lease_seconds: float = 300,
        owner: str = "",
        dag_run: str | None = None,
        without_company_ids: Iterable[UUID] = (),
    ) -> Claim:
        """Claim up to ``limit`` due sessions of active companies, those of expired leases included.

        Raises ``UnknownStage``, or ``UsageError`` for a limit below one.
        """
        self.pipeline.position(stage)
        if limit < 1:
            raise UsageError(f"cannot claim {limit} sessions")
        scope = scope or Scope()
        self._ids("reclaim", stage=stage, max_attempts=self.max_attempts)
        token = uuid4()
        found = self.connection.execute(
            statement("claim", reach=scope.reach),
            {
                **scope.parameters(),
                "stage": stage,
                "limit": limit,
                "token": token,
                "lease_seconds": lease_seconds,
                "owner": owner,
                "dag_run": dag_run,
                "without_company_ids": list(without_company_ids),
            },
        )
        return Claim(token, {row[0]: row[1] for row in found.all()})

    def renew(self, token: UUID, *, lease_seconds: float = 300) -> bool:
        """Extend a lease; ``False`` means that it is lost and its holder must not store results any more."""
        rows = self.connection.execute(statement("renew"), {"token": token, "lease_seconds": lease_seconds})
        return rows.first() is not None

    def held(self, token: UUID) -> list[UUID]:
        """The sessions that a token still holds, in progress."""
        return self._ids("held", token=token)

    def complete(self, stage: str, token: UUID, sessions: Mapping[UUID, Metadata | None]) -> list[UUID]:
        """Set sessions COMPLETED and open their next stage; returns the ids that the token still held."""
        return self._settle("COMPLETED", stage, token, sessions)

    def skip(
        self,
        stage: str,
        token: UUID,
        reasons: Mapping[UUID, str],
        metadata: Mapping[UUID, Metadata | None] = MappingProxyType({}),
    ) -> list[UUID]:
        """Set sessions SKIPPED with a reason and optional ``metadata``, and open their next stage.

        Returns the ids that the token still held.
        """
        documents = {key: {**(metadata.get(key) or {}), "reason": redact(reason)} for key, reason in reasons.items()}
        return self._settle("SKIPPED", stage, token, documents)

    def fail(self, stage: str, token: UUID, failures: Iterable[Failure]) -> dict[UUID, str]:
        """Record failed attempts; returns id → new status (PENDING: it will be retried) of those the token still held.

        Raises ``UnknownStage``, or ``UsageError`` for an invalid failure.
        """
        self.pipeline.position(stage)
        documents: dict[UUID, Metadata] = {failure.session_id: failure.document() for failure in failures}
        rows = self.connection.execute(
            statement("fail"),
            {
                "stage": stage,
                "token": token,
                "session_ids": list(documents),
                "failures": json_object(documents),
                "delays": delays(self.max_attempts),
                "max_attempts": self.max_attempts,
            },
        )
        return {row.session_id: row[1] for row in rows}

    def release(
        self, token: UUID, session_ids: Iterable[UUID] | None = None, *, delay_seconds: float = 0
    ) -> list[UUID]:
        """Release sessions, all that the token holds or some; the attempt does not count."""
        return self._ids(
            "release",
            token=token,
            session_ids=None if session_ids is None else list(session_ids),
            delay_seconds=delay_seconds,
        )

    def end_lease(self, token: UUID) -> bool:
        """Delete the lease if its sessions are all settled; returns whether it did."""
        return self.connection.execute(statement("end_lease"), {"token": token}).rowcount > 0

    def reset_failed(self, scope: Scope, *, with_skipped: bool = False) -> dict[str, int]:
        """Set FAILED sessions of the scope PENDING; returns the number per stage. The failure history stays.

        A session that was skipped for good runs again from that stage on if the scope names it, or ``with_skipped``.
        """
        rows = self.connection.execute(
            statement("reset_failed", reach=scope.reach), self._failed_parameters(scope, None)
        )
        reset = {stage: int(sessions) for stage, sessions in rows}
        if (with_skipped or scope.session_ids is not None) and scope.error_kinds is None:
            for stage, session_ids in self._skipped_for_good(scope).items():
                reset[stage] = reset.get(stage, 0) + len(self.reopen(stage, session_ids))
        return reset

    def skip_failed(self, scope: Scope, reason: str, by: str) -> dict[str, int]:
        """Skip FAILED sessions of the scope for good, and open their next stage; returns the number per stage.

        ``by`` is the person who decided it. Raises ``UsageError`` without a reason.
        """
        parameters = self._failed_parameters(scope, None) | {
            "pipeline": list(self.pipeline.names),
            "metadata": skip_document(reason, by),
        }
        rows = self.connection.execute(statement("skip_failed", reach=scope.reach), parameters)
        return {stage: int(sessions) for stage, sessions in rows}

    def reopen(self, stage: str, session_ids: Iterable[UUID]) -> list[UUID]:
        """Set ``stage`` and all later stages PENDING, and release claims on them; returns the ids that changed."""
        return self._ids(
            "reopen",
            previous_stage=self.pipeline.previous(stage),
            stages=list(self.pipeline.onward_from(stage)),
            session_ids=list(session_ids),
        )

    def erase(self, session_ids: Iterable[UUID]) -> None:
        """Erase failure texts and metadata of these sessions, history included, and release claims on them.

        Statuses stay, except that IN_PROGRESS becomes PENDING again; a later claim finds no content to process. Call
        it in the transaction that erases the rest, first: the holders of these claims can then store nothing.
        """
        ids = list(session_ids)
        self.lock(ids)
        self.connection.execute(statement("erase"), {"session_ids": ids, "placeholder": ERASED})

    def lock(self, session_ids: Iterable[UUID], stages: Iterable[str] | None = None) -> None:
        """Lock the rows of these sessions, of all stages or some: until the transaction ends, claims pass over them.

        The next statement sees what their holders stored before.
        """
        only = None if stages is None else list(stages)
        parameters = {"session_ids": list(session_ids), "stages": list(self.pipeline.names), "only": only}
        self.connection.execute(statement("lock"), parameters)

    def import_history(self, sessions: Mapping[UUID, ImportedHistory]) -> list[UUID]:
        """Insert sessions with the statuses they have in another system; returns the ids that were new.

        A stage that a history does not name is PENDING. Sessions that exist already stay unchanged. Raises
        ``UnknownStage``, or ``UsageError`` for a status that cannot be imported.
        """
        for stages in {history.stages for history in sessions.values()}:
            for state in stages:
                self.pipeline.position(state.stage)
        return self._ids("import_history", stages=list(self.pipeline.names), **import_history_parameters(sessions))

    # --- one session

    def initialize_session(self, session_id: UUID, company_id: UUID) -> bool:
        """Give a session its rows; returns ``False`` if it had them."""
        return bool(self.initialize_sessions({session_id: company_id}))

    def start_stage(self, session_id: UUID, stage: str, *, lease_seconds: float = 300, owner: str = "") -> UUID:
        """Claim this one stage and return the token that settles it.

        Raises ``UnknownSession``, ``UnknownStage``, or ``IllegalMove`` when it is not due.
        """
        claim = self.claim(stage, 1, Scope(session_ids=(session_id,)), lease_seconds=lease_seconds, owner=owner)
        if session_id not in claim.attempts:
            raise IllegalMove(session_id, stage, "start", self._describe(session_id, stage))
        return claim.token

    def complete_stage(self, session_id: UUID, stage: str, token: UUID, metadata: Metadata | None = None) -> None:
        """Set the stage COMPLETED. Raises ``LeaseLost``, ``UsageError`` for metadata that is not JSON."""
        self._require_settled(session_id, stage, self.complete(stage, token, {session_id: metadata}))

    def skip_stage(self, session_id: UUID, stage: str, token: UUID, reason: str) -> None:
        """Set the stage SKIPPED with a reason. Raises ``LeaseLost``."""
        self._require_settled(session_id, stage, self.skip(stage, token, {session_id: reason}))

    def fail_stage(self, session_id: UUID, stage: str, token: UUID, message: str, *, kind: str = "permanent") -> None:
        """Record a failed attempt. Raises ``LeaseLost``."""
        self._require_settled(session_id, stage, self.fail(stage, token, [Failure(session_id, kind, message)]))

    def get_session_status(self, session_id: UUID) -> list[StageStatus]:
        """All stages of a session, in order. Raises ``UnknownSession``."""
        rows = {
            row.stage: StageStatus(**row._mapping)
            for row in self.connection.execute(statement("session_stages"), {"session_id": session_id})
        }
        if not rows:
            raise UnknownSession(session_id)
        return [rows[stage] for stage in self.pipeline.names if stage in rows]

    def get_sessions_needing_processing(self, stage: str, limit: int = 50) -> list[UUID]:
        """List ids that a claim could take now, oldest first. Raises ``UnknownStage``, ``UsageError``."""
        self.pipeline.position(stage)
        if limit < 0:
            raise UsageError(f"cannot list {limit} sessions")
        return self._ids("due", stage=stage, limit=limit)

    def get_incomplete_sessions(self, limit: int, *, after: UUID | None = None) -> dict[UUID, UUID]:
        """List sessions (id → company id) without a row for some stage, in the order of ids, starting after ``after``.

        After a stage was added, pass them to ``initialize_sessions``; ``Breakdown.lacks_rows`` tells whether there are
        any.
        """
        rows = self.connection.execute(
            statement("incomplete"), {"stages": list(self.pipeline.names), "after": after, "limit": limit}
        )
        return {row.session_id: row.company_id for row in rows}

    def get_due_stages(self) -> list[str]:
        """List the stages with due sessions or expired leases, in order."""
        return self._ids("due_stages", stages=list(self.pipeline.names))

    def get_pipeline_status(self, company_ids: Iterable[UUID] | None = None) -> Breakdown:
        """Read the breakdown: exact, without scanning the status table."""
        return read_breakdown(self.connection, self.pipeline, company_ids)

    def get_failed_sessions(self, scope: Scope | None = None, *, limit: int | None = None) -> list[FailedSession]:
        """List FAILED sessions of the scope, newest first. Raises ``UnknownStage``, ``UsageError``."""
        if limit is not None and limit < 0:
            raise UsageError(f"cannot list {limit} sessions")
        scope = scope or Scope()
        rows = self.connection.execute(statement("failed", reach=scope.reach), self._failed_parameters(scope, limit))
        return [FailedSession(*row) for row in rows]

    def reset_stage_for_retry(self, session_id: UUID, stage: str) -> None:
        """Set one FAILED stage PENDING. Raises ``IllegalMove`` if it is not FAILED."""
        if not self.reset_failed(Scope(stages=(stage,), session_ids=(session_id,))):
            raise IllegalMove(session_id, stage, "retry", self._describe(session_id, stage))

    def has_completed_stage(self, session_id: UUID, stage: str) -> bool:
        """Whether the stage is COMPLETED (a skipped one is not)."""
        self.pipeline.position(stage)
        return self._statuses(session_id).get(stage) == "COMPLETED"

    def is_ready_for_stage(self, session_id: UUID, stage: str) -> bool:
        """Whether all earlier stages are completed or skipped."""
        earlier, statuses = self.pipeline.before(stage), self._statuses(session_id)
        return all(statuses.get(name) in ("COMPLETED", "SKIPPED") for name in earlier)

    # --- shared by both

    def _settle(self, status: str, stage: str, token: UUID, sessions: Mapping[UUID, Metadata | None]) -> list[UUID]:
        return self._ids(
            "settle",
            status=status,
            stage=stage,
            next_stage=self.pipeline.next(stage),
            token=token,
            session_ids=list(sessions),
            metadata=json_object(sessions),
        )

    def _ids(self, name: str, **parameters: object) -> list[Any]:
        # all(): iterating over a thousand rows one by one takes longer than the statement.
        return list(self.connection.execute(statement(name), parameters).scalars().all())

    def _failed_parameters(self, scope: Scope, limit: int | None) -> dict[str, Any]:
        stages = self.pipeline.names if scope.stages is None else sorted(scope.stages, key=self.pipeline.position)
        return {**scope.parameters(), "stages": list(stages), "limit": limit}

    def _skipped_for_good(self, scope: Scope) -> dict[str, list[UUID]]:
        found: dict[str, list[UUID]] = {}
        parameters = self._failed_parameters(scope, None)
        for stage, session_id in self.connection.execute(statement("skipped_for_good"), parameters):
            found.setdefault(stage, []).append(session_id)
        return found

    def _statuses(self, session_id: UUID) -> dict[str, str]:
        return {record.stage: record.status for record in self.get_session_status(session_id)}

    def _describe(self, session_id: UUID, stage: str) -> str:
        self.pipeline.position(stage)
        status = self._statuses(session_id).get(stage, "missing; initialize the session again")
        if status != "PENDING":
            return status
        return "PENDING, not due" if self.is_ready_for_stage(session_id, stage) else "waiting for an earlier stage"

    @staticmethod
    def _require_settled(session_id: UUID, stage: str, settled: Iterable[UUID]) -> None:
        if session_id not in settled:
            raise LeaseLost(session_id, stage)

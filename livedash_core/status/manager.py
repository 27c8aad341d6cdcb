"""The status manager: which worker holds which session, how each stage ended, and which work is due.

It is the only writer of the status tables. Each verb is one statement from ``sql/``. The manager works on the
connection that it is given and never commits, so that a stage's effect and its status change in one transaction.
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
)
from livedash_core.status.redaction import presentable
from livedash_core.status.scope import Scope
from livedash_core.status.statements import statement

#: Where ``initialize_new_sessions`` finds them: they need not pass through Python.
NEW_SESSIONS = "pg_temp.new_session"
_CREATE_NEW_SESSIONS = text(
    f"""
    DROP TABLE IF EXISTS {NEW_SESSIONS};
    CREATE TEMPORARY TABLE new_session (id uuid, company_id uuid, completed_stages int, metadata jsonb)
    ON COMMIT DELETE ROWS
    """
)


class ProcessingStatusManager:
    """The verbs for sets of sessions, which stages use, then those for one session under livedash-node's names.

    ``max_attempts`` is how many claims of a stage may end in a transient failure before the session is FAILED.
    """

    def __init__(self, connection: Connection, *, pipeline: Pipeline = BUILT_IN, max_attempts: int = 5) -> None:
        self.connection = connection
        self.pipeline = pipeline
        self.max_attempts = max_attempts

    def initialize_sessions(self, sessions: Mapping[UUID, UUID], *, completed_stages: int = 0) -> list[UUID]:
        """Give each session (id → company id) its rows; returns the ids that were new. Idempotent.

        A session from before a stage was added gets that stage's row, due if the stage before it is through.
        """
        rows = self.connection.execute(
            statement("initialize"),
            {
                "session_ids": list(sessions),
                "company_ids": list(sessions.values()),
                "stages": list(self.pipeline.names),
                "completed_stages": completed_stages,
            },
        ).all()
        if older := [row.session_id for row in rows if not row.is_new]:
            self.connection.execute(statement("realign"), {"session_ids": older, "stages": list(self.pipeline.names)})
        return [row.session_id for row in rows if row.is_new]

    def expect_new_sessions(self) -> None:
        """Make the temporary table ``NEW_SESSIONS`` on this connection; each commit leaves it empty.

        Its columns: id, company_id, completed_stages, and metadata for the first stage, where that is completed.
        """
        self.connection.execute(_CREATE_NEW_SESSIONS)

    def initialize_new_sessions(self) -> None:
        """The same, quicker, for the sessions in ``NEW_SESSIONS``: ids made in this transaction.

        Raises SQLAlchemy's ``IntegrityError`` for others.
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
        """Take up to ``limit`` due sessions of active companies, leases that ran out included.

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
        """Keep a lease; ``False`` means it is lost, and nothing it held may be written any more."""
        rows = self.connection.execute(statement("renew"), {"token": token, "lease_seconds": lease_seconds})
        return rows.first() is not None

    def held(self, token: UUID) -> list[UUID]:
        """The sessions that a token holds and nobody has settled."""
        return self._ids("held", token=token)

    def complete(self, stage: str, token: UUID, sessions: Mapping[UUID, Metadata | None]) -> list[UUID]:
        """COMPLETED; the next stage opens. Returns the ids that this token still held."""
        return self._settle("COMPLETED", stage, token, sessions)

    def skip(
        self,
        stage: str,
        token: UUID,
        reasons: Mapping[UUID, str],
        metadata: Mapping[UUID, Metadata | None] = MappingProxyType({}),
    ) -> list[UUID]:
        """SKIPPED with a reason, and with ``metadata`` for those that have some; the next stage opens.

        Returns the ids that this token still held.
        """
        documents = {
            key: {**(metadata.get(key) or {}), "reason": presentable(reason)} for key, reason in reasons.items()
        }
        return self._settle("SKIPPED", stage, token, documents)

    def fail(self, stage: str, token: UUID, failures: Iterable[Failure]) -> dict[UUID, str]:
        """Record failed attempts; returns id → status now (PENDING: it will be retried) where the token held it.

        Raises ``UnknownStage``, ``UsageError`` for a failure that makes no sense.
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
        """Give sessions back unharmed, all that the token holds or some; the attempt does not count."""
        return self._ids(
            "release",
            token=token,
            session_ids=None if session_ids is None else list(session_ids),
            delay_seconds=delay_seconds,
        )

    def reset_failed(self, scope: Scope) -> dict[str, int]:
        """FAILED → PENDING within the scope; returns how many per stage. The failure history stays."""
        rows = self.connection.execute(statement("reset_failed", reach=scope.reach), self._failed_in(scope, None))
        return {stage: int(sessions) for stage, sessions in rows}

    def reopen(self, stage: str, session_ids: Iterable[UUID]) -> list[UUID]:
        """``stage`` and all after it are to be done again; whoever holds one of them loses it."""
        return self._ids(
            "reopen",
            previous_stage=self.pipeline.previous(stage),
            stages=list(self.pipeline.onward_from(stage)),
            session_ids=list(session_ids),
        )

    def import_history(self, sessions: Mapping[UUID, ImportedHistory]) -> list[UUID]:
        """Give sessions that another system has worked on the states they have there; returns the ids that were new.

        A stage that a history does not name is PENDING; a session that is here already stays as it is. Raises
        ``UnknownStage``, ``UsageError`` for a state that nobody can take over.
        """
        for stages in {history.stages for history in sessions.values()}:
            for state in stages:
                self.pipeline.position(state.stage)
        return self._ids("import_history", stages=list(self.pipeline.names), **import_history_parameters(sessions))

    # --- one session

    def initialize_session(self, session_id: UUID, company_id: UUID) -> bool:
        """Give a session its rows; ``False`` if it had them."""
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
        """COMPLETED. Raises ``LeaseLost``, ``UsageError`` for metadata that is not JSON."""
        self._held(session_id, stage, self.complete(stage, token, {session_id: metadata}))

    def skip_stage(self, session_id: UUID, stage: str, token: UUID, reason: str) -> None:
        """SKIPPED with a reason. Raises ``LeaseLost``."""
        self._held(session_id, stage, self.skip(stage, token, {session_id: reason}))

    def fail_stage(self, session_id: UUID, stage: str, token: UUID, message: str, *, kind: str = "permanent") -> None:
        """Record a failed attempt. Raises ``LeaseLost``."""
        self._held(session_id, stage, self.fail(stage, token, [Failure(session_id, kind, message)]))

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
        """Ids that a claim could take now, oldest first. Raises ``UnknownStage``, ``UsageError``."""
        self.pipeline.position(stage)
        if limit < 0:
            raise UsageError(f"cannot list {limit} sessions")
        return self._ids("due", stage=stage, limit=limit)

    def get_incomplete_sessions(self, limit: int, *, after: UUID | None = None) -> dict[UUID, UUID]:
        """Sessions (id → company id) that lack a row for some stage, in the order of ids, those behind ``after``.

        For ``initialize_sessions``, once a stage was added; ``Breakdown.lacks_rows`` says whether there are any.
        """
        rows = self.connection.execute(
            statement("incomplete"), {"stages": list(self.pipeline.names), "after": after, "limit": limit}
        )
        return {row.session_id: row.company_id for row in rows}

    def get_due_stages(self) -> list[str]:
        """The stages that have something to do now, in order."""
        return self._ids("due_stages", stages=list(self.pipeline.names))

    def get_pipeline_status(self, company_ids: Iterable[UUID] | None = None) -> Breakdown:
        """The breakdown, exact, without looking at the sessions."""
        return read_breakdown(self.connection, self.pipeline, company_ids)

    def get_failed_sessions(self, scope: Scope | None = None, *, limit: int | None = None) -> list[FailedSession]:
        """What waits for a person within the scope, newest first. Raises ``UnknownStage``, ``UsageError``."""
        if limit is not None and limit < 0:
            raise UsageError(f"cannot list {limit} sessions")
        scope = scope or Scope()
        rows = self.connection.execute(statement("failed", reach=scope.reach), self._failed_in(scope, limit))
        return [FailedSession(*row) for row in rows]

    def reset_stage_for_retry(self, session_id: UUID, stage: str) -> None:
        """FAILED → PENDING for one stage. Raises ``IllegalMove`` when it has not failed."""
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

    # --- what they share

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
        # all(): one by one, a thousand rows cost more here than in PostgreSQL.
        return list(self.connection.execute(statement(name), parameters).scalars().all())

    def _failed_in(self, scope: Scope, limit: int | None) -> dict[str, Any]:
        stages = self.pipeline.names if scope.stages is None else sorted(scope.stages, key=self.pipeline.position)
        return {**scope.parameters(), "stages": list(stages), "limit": limit}

    def _statuses(self, session_id: UUID) -> dict[str, str]:
        return {found.stage: found.status for found in self.get_session_status(session_id)}

    def _describe(self, session_id: UUID, stage: str) -> str:
        self.pipeline.position(stage)
        status = self._statuses(session_id).get(stage, "not there yet; initialize the session again")
        if status != "PENDING":
            return status
        return "PENDING, not due" if self.is_ready_for_stage(session_id, stage) else "waiting for an earlier stage"

    @staticmethod
    def _held(session_id: UUID, stage: str, settled: Iterable[UUID]) -> None:
        if session_id not in settled:
            raise LeaseLost(session_id, stage)

"""The verbs for sets of sessions, which the stages use. Every verb is one statement from ``sql/``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Connection, text

from livedash_core.errors import UnknownStage, UsageError
from livedash_core.status.backoff import delays
from livedash_core.status.records import (
    Claim,
    Failure,
    Metadata,
    SessionHistory,
    json_object,
    take_over_parameters,
)
from livedash_core.status.redaction import presentable
from livedash_core.status.scope import Scope
from livedash_core.status.statements import statement

#: The seed's five, in order. A registry with more hands its own list to the manager.
STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION")

#: Where ``initialize_new_sessions`` finds them: they need not pass through Python.
NEW_SESSIONS = "pg_temp.new_session"
_CREATE_NEW_SESSIONS = text(
    f"""
    DROP TABLE IF EXISTS {NEW_SESSIONS};
    CREATE TEMPORARY TABLE new_session (id uuid, company_id uuid, completed_stages int, metadata jsonb)
    ON COMMIT DELETE ROWS
    """
)


class SetVerbs:
    """``stages`` is the pipeline in order; ``max_attempts`` bounds claims of a transient failure."""

    def __init__(self, connection: Connection, *, stages: Sequence[str] = STAGES, max_attempts: int = 5) -> None:
        self.connection = connection
        self.stages = tuple(stages)
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
                "stages": list(self.stages),
                "completed_stages": completed_stages,
            },
        ).all()
        if older := [row.session_id for row in rows if not row.is_new]:
            self.connection.execute(statement("realign"), {"session_ids": older, "stages": list(self.stages)})
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
        self.connection.execute(statement("initialize_new"), {"stages": list(self.stages)})

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
        self._position(stage)
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
        self._position(stage)
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
        position = self._position(stage)
        return self._ids(
            "reopen",
            previous_stage=self.stages[position - 1] if position else None,
            stages=list(self.stages[position:]),
            session_ids=list(session_ids),
        )

    def take_over(self, sessions: Mapping[UUID, SessionHistory]) -> list[UUID]:
        """Give sessions that another system has worked on the states they have there; returns the ids that were new.

        A stage that a history does not name is PENDING; a session that is here already stays as it is. Raises
        ``UnknownStage``, ``UsageError`` for a state that nobody can take over.
        """
        for stages in {history.stages for history in sessions.values()}:
            for state in stages:
                self._position(state.stage)
        return self._ids("take_over", stages=list(self.stages), **take_over_parameters(sessions))

    # --- what they share

    def _settle(self, status: str, stage: str, token: UUID, sessions: Mapping[UUID, Metadata | None]) -> list[UUID]:
        position = self._position(stage)
        return self._ids(
            "settle",
            status=status,
            stage=stage,
            next_stage=self.stages[position + 1] if position + 1 < len(self.stages) else None,
            token=token,
            session_ids=list(sessions),
            metadata=json_object(sessions),
        )

    def _ids(self, name: str, **parameters: object) -> list[Any]:
        # all(): one by one, a thousand rows cost more here than in PostgreSQL.
        return list(self.connection.execute(statement(name), parameters).scalars().all())

    def _failed_in(self, scope: Scope, limit: int | None) -> dict[str, Any]:
        stages = self.stages if scope.stages is None else sorted(scope.stages, key=self._position)
        return {**scope.parameters(), "stages": list(stages), "limit": limit}

    def _position(self, stage: str) -> int:
        try:
            return self.stages.index(stage)
        except ValueError:
            raise UnknownStage(stage, self.stages) from None

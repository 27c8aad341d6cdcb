"""Who holds what, what became of it, what is due: the only writer of the status tables.

Every verb is one statement from ``sql/``. The manager works on the connection it is given and never commits:
a stage's effect and its status change stand or fall together.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import Connection

from livedash_core.errors import IllegalMove, LeaseLost, UnknownSession, UnknownStage, UsageError
from livedash_core.status.backoff import delays
from livedash_core.status.breakdown import Breakdown, read_breakdown
from livedash_core.status.redaction import presentable
from livedash_core.status.scope import Scope
from livedash_core.status.statements import statement

#: The seed's five, in order. A registry with more hands its own list to the manager.
STAGES = ("CSV_IMPORT", "TRANSCRIPT_FETCH", "SESSION_CREATION", "AI_ANALYSIS", "QUESTION_EXTRACTION")

Metadata = Mapping[str, Any]


class Claim(NamedTuple):
    """What a claim handed out: the token that settles it, and the sessions with the number of this attempt."""

    token: UUID
    attempts: dict[UUID, int]


class Failure(NamedTuple):
    """One failed attempt. ``kind`` is ``transient`` or ``permanent``."""

    session_id: UUID
    kind: str
    message: str
    retry_after_seconds: float | None = None


class FailedSession(NamedTuple):
    """A stage of a session that waits for a person."""

    session_id: UUID
    stage: str
    company_id: UUID
    company: str
    external_session_id: str
    attempts: int
    error_kind: str
    error_message: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class StageStatus:
    """Where one stage of one session stands."""

    stage: str
    status: str
    attempts: int
    available_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    error_kind: str | None
    error_message: str | None
    metadata: dict[str, Any] | None


class ProcessingStatusManager:
    """The verbs. ``stages`` is the pipeline in order; ``max_attempts`` bounds claims of a transient failure."""

    def __init__(self, connection: Connection, *, stages: Sequence[str] = STAGES, max_attempts: int = 5) -> None:
        self.connection = connection
        self.stages = tuple(stages)
        self.max_attempts = max_attempts

    # --- sets of sessions: what the stages use

    def initialize_sessions(self, sessions: Mapping[UUID, UUID], *, completed_stages: int = 0) -> list[UUID]:
        """Give each session (id → company id) its rows; returns the ids that were new. Idempotent."""
        return self._ids(
            "initialize",
            session_ids=list(sessions),
            company_ids=list(sessions.values()),
            stages=list(self.stages),
            completed_stages=completed_stages,
        )

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
        due = "due_in_scope" if scope.names_sessions else "due_everywhere"
        parameters = scope.parameters()
        if not scope.names_sessions:
            parameters = {"company_ids": parameters["company_ids"]}
        rows = self.connection.execute(
            statement("claim", due=due),
            {
                **parameters,
                "stage": stage,
                "limit": limit,
                "token": token,
                "lease_seconds": lease_seconds,
                "owner": owner,
                "dag_run": dag_run,
                "without_company_ids": list(without_company_ids),
            },
        )
        return Claim(token, {row.session_id: row[1] for row in rows})

    def renew(self, token: UUID, *, lease_seconds: float = 300) -> bool:
        """Keep a lease; ``False`` means it is lost, and nothing it held may be written any more."""
        rows = self.connection.execute(statement("renew"), {"token": token, "lease_seconds": lease_seconds})
        return rows.first() is not None

    def complete(self, stage: str, token: UUID, sessions: Mapping[UUID, Metadata | None]) -> list[UUID]:
        """COMPLETED; the next stage opens. Returns the ids that this token still held."""
        return self._settle("COMPLETED", stage, token, sessions)

    def skip(self, stage: str, token: UUID, reasons: Mapping[UUID, str]) -> list[UUID]:
        """SKIPPED with a reason; the next stage opens. Returns the ids that this token still held."""
        return self._settle("SKIPPED", stage, token, {key: {"reason": reason} for key, reason in reasons.items()})

    def fail(self, stage: str, token: UUID, failures: Iterable[Failure]) -> dict[UUID, str]:
        """Record failed attempts; returns id → status now (PENDING: it will be retried) where the token held it."""
        self._position(stage)
        listed = sorted(failures, key=lambda failure: failure.session_id)
        rows = self.connection.execute(
            statement("fail"),
            {
                "stage": stage,
                "token": token,
                "session_ids": [failure.session_id for failure in listed],
                "kinds": [failure.kind for failure in listed],
                "messages": [presentable(failure.message) for failure in listed],
                "retry_after_seconds": [failure.retry_after_seconds for failure in listed],
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
            session_ids=None if session_ids is None else sorted(session_ids),
            delay_seconds=delay_seconds,
        )

    def reset_failed(self, scope: Scope) -> dict[str, int]:
        """FAILED → PENDING within the scope; returns how many per stage. The failure history stays."""
        rows = self.connection.execute(statement("reset_failed"), self._failed_in(scope, None))
        return {stage: int(sessions) for stage, sessions in rows}

    def reopen(self, stage: str, session_ids: Iterable[UUID]) -> list[UUID]:
        """``stage`` and all after it are to be done again; whoever holds one of them loses it."""
        position = self._position(stage)
        return self._ids(
            "reopen",
            stage=stage,
            previous_stage=self.stages[position - 1] if position else None,
            stages=list(self.stages[position:]),
            session_ids=sorted(session_ids),
        )

    # --- one session: the verbs of the system this replaces

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
        return [rows[stage] for stage in self.stages if stage in rows]

    def get_sessions_needing_processing(self, stage: str, limit: int = 50) -> list[UUID]:
        """Ids that a claim could take now, oldest first."""
        self._position(stage)
        return self._ids("due", stage=stage, limit=limit)

    def get_due_stages(self) -> list[str]:
        """The stages that have something to do now, in order."""
        return self._ids("due_stages", stages=list(self.stages))

    def get_pipeline_status(self, company_ids: Iterable[UUID] | None = None) -> Breakdown:
        """The breakdown, exact, without looking at the sessions."""
        return read_breakdown(self.connection, self.stages, company_ids)

    def get_failed_sessions(self, scope: Scope | None = None, *, limit: int | None = None) -> list[FailedSession]:
        """What waits for a person within the scope, newest first."""
        rows = self.connection.execute(statement("failed_in_scope"), self._failed_in(scope or Scope(), limit))
        return [FailedSession(*row) for row in rows]

    def reset_stage_for_retry(self, session_id: UUID, stage: str) -> None:
        """FAILED → PENDING for one stage. Raises ``IllegalMove`` when it has not failed."""
        if not self.reset_failed(Scope(stages=(stage,), session_ids=(session_id,))):
            raise IllegalMove(session_id, stage, "retry", self._describe(session_id, stage))

    def has_completed_stage(self, session_id: UUID, stage: str) -> bool:
        """Whether the stage is COMPLETED (a skipped one is not)."""
        return self._stage(session_id, stage).status == "COMPLETED"

    def is_ready_for_stage(self, session_id: UUID, stage: str) -> bool:
        """Whether all earlier stages are completed or skipped."""
        position = self._position(stage)
        return all(found.status in ("COMPLETED", "SKIPPED") for found in self.get_session_status(session_id)[:position])

    # --- what they share

    def _settle(self, status: str, stage: str, token: UUID, sessions: Mapping[UUID, Metadata | None]) -> list[UUID]:
        position = self._position(stage)
        ids = sorted(sessions)
        return self._ids(
            "settle",
            status=status,
            stage=stage,
            next_stage=self.stages[position + 1] if position + 1 < len(self.stages) else None,
            token=token,
            session_ids=ids,
            metadata=[_json(session_id, sessions[session_id]) for session_id in ids],
        )

    def _ids(self, name: str, **parameters: object) -> list[Any]:
        return list(self.connection.execute(statement(name), parameters).scalars())

    def _failed_in(self, scope: Scope, limit: int | None) -> dict[str, Any]:
        stages = self.stages if scope.stages is None else scope.stages
        for stage in stages:
            self._position(stage)
        return {**scope.parameters(), "stages": list(stages), "limit": limit}

    def _position(self, stage: str) -> int:
        try:
            return self.stages.index(stage)
        except ValueError:
            raise UnknownStage(stage, self.stages) from None

    def _stage(self, session_id: UUID, stage: str) -> StageStatus:
        self._position(stage)
        return next(found for found in self.get_session_status(session_id) if found.stage == stage)

    def _describe(self, session_id: UUID, stage: str) -> str:
        found = self._stage(session_id, stage)
        if found.status != "PENDING":
            return found.status
        return "waiting for an earlier stage" if not self.is_ready_for_stage(session_id, stage) else "PENDING, not due"

    @staticmethod
    def _held(session_id: UUID, stage: str, settled: Iterable[UUID]) -> None:
        if session_id not in settled:
            raise LeaseLost(session_id, stage)


def _json(session_id: UUID, metadata: Metadata | None) -> str | None:
    if metadata is None:
        return None
    try:
        return json.dumps(metadata, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise UsageError(f"the metadata of session {session_id} is not JSON: {error}") from error

"""Who holds what, what became of it, what is due: the only writer of the status tables.

The manager works on the connection it is given and never commits: a stage's effect and its status change stand or
fall together.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from livedash_core.errors import IllegalMove, LeaseLost, UnknownSession, UsageError
from livedash_core.status.breakdown import Breakdown, read_breakdown
from livedash_core.status.records import FailedSession, Failure, Metadata, StageStatus
from livedash_core.status.scope import Scope
from livedash_core.status.set_verbs import SetVerbs
from livedash_core.status.statements import statement


class ProcessingStatusManager(SetVerbs):
    """All verbs: to those for sets it adds the questions people ask, and one session's under the names of the system
    that this replaces.
    """

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
        """Ids that a claim could take now, oldest first. Raises ``UnknownStage``, ``UsageError``."""
        self._position(stage)
        if limit < 0:
            raise UsageError(f"cannot list {limit} sessions")
        return self._ids("due", stage=stage, limit=limit)

    def get_incomplete_sessions(self, limit: int, *, after: UUID | None = None) -> dict[UUID, UUID]:
        """Sessions (id → company id) that lack a row for some stage, in the order of ids, those behind ``after``.

        For ``initialize_sessions``, once a stage was added; ``Breakdown.lacks_rows`` says whether there are any.
        """
        rows = self.connection.execute(
            statement("incomplete"), {"stages": list(self.stages), "after": after, "limit": limit}
        )
        return {row.session_id: row.company_id for row in rows}

    def get_due_stages(self) -> list[str]:
        """The stages that have something to do now, in order."""
        return self._ids("due_stages", stages=list(self.stages))

    def get_pipeline_status(self, company_ids: Iterable[UUID] | None = None) -> Breakdown:
        """The breakdown, exact, without looking at the sessions."""
        return read_breakdown(self.connection, self.stages, company_ids)

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
        self._position(stage)
        return self._statuses(session_id).get(stage) == "COMPLETED"

    def is_ready_for_stage(self, session_id: UUID, stage: str) -> bool:
        """Whether all earlier stages are completed or skipped."""
        earlier, statuses = self.stages[: self._position(stage)], self._statuses(session_id)
        return all(statuses.get(name) in ("COMPLETED", "SKIPPED") for name in earlier)

    def _statuses(self, session_id: UUID) -> dict[str, str]:
        return {found.stage: found.status for found in self.get_session_status(session_id)}

    def _describe(self, session_id: UUID, stage: str) -> str:
        self._position(stage)
        status = self._statuses(session_id).get(stage, "not there yet; initialize the session again")
        if status != "PENDING":
            return status
        return "PENDING, not due" if self.is_ready_for_stage(session_id, stage) else "waiting for an earlier stage"

    @staticmethod
    def _held(session_id: UUID, stage: str, settled: Iterable[UUID]) -> None:
        if session_id not in settled:
            raise LeaseLost(session_id, stage)

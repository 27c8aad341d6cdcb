"""The status manager in plain Python: the effect of each verb, without SQL, concurrency or time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from livedash_core.status import Claim, Scope

MAX_ATTEMPTS = 2
THROUGH = ("COMPLETED", "SKIPPED")
Key = tuple[UUID, str]


@dataclass
class Row:
    """``ready`` is what available_at means: ``waiting`` (for a stage), ``later`` (backoff) or ``due``."""

    status: str = "PENDING"
    ready: str = "waiting"
    attempts: int = 0
    token: UUID | None = None
    error_kind: str | None = None
    #: Skipped by a person.
    for_good: bool = False


@dataclass
class Model:
    """A model of the status tables: apply the same verbs as to the manager, then compare."""

    stages: tuple[str, ...]
    rows: dict[Key, Row] = field(default_factory=dict)
    company_of: dict[UUID, UUID] = field(default_factory=dict)
    suspended: set[UUID] = field(default_factory=set)
    #: Leases by token: their stage. Those that ran out stay until a claim takes them.
    leases: dict[UUID, str] = field(default_factory=dict)
    expired: set[UUID] = field(default_factory=set)
    #: (session, stage, attempt, kind) of every failed attempt.
    failures: Counter[tuple[UUID, str, int, str]] = field(default_factory=Counter)

    # --- verbs

    def initialize(self, sessions: dict[UUID, UUID], completed_stages: int) -> set[UUID]:
        new = set()
        for session, company in sessions.items():
            missing = [stage for stage in self.stages if (session, stage) not in self.rows]
            self.company_of.setdefault(session, company)
            for stage in missing:
                position = self.stages.index(stage)
                done = position < completed_stages
                self.rows[session, stage] = Row(
                    status="COMPLETED" if done else "PENDING",
                    ready="due" if position <= completed_stages else "waiting",
                    attempts=int(done),
                )
            if len(missing) == len(self.stages):
                new.add(session)
            elif missing:
                self._realign(session)
        return new

    def due(self, stage: str, scope: Scope, in_window: set[UUID]) -> set[UUID]:
        return {
            session
            for (session, row_stage), row in self.rows.items()
            if row_stage == stage
            and (row.status, row.ready) == ("PENDING", "due")
            and self.company_of[session] not in self.suspended
            and self._in_scope(session, row, scope, in_window)
        }

    def reclaim(self, stage: str) -> None:
        for token in [token for token in self.expired if self.leases[token] == stage]:
            for key in self.held(token):
                row = self.rows[key]
                self._fail(key, "lease_expired", again=row.attempts < MAX_ATTEMPTS, ready="due")
            self._forget(token)

    def claim(self, stage: str, claim: Claim) -> None:
        if claim.attempts:
            self.leases[claim.token] = stage
        for session, attempt in claim.attempts.items():
            row = self.rows[session, stage]
            row.status, row.token = "IN_PROGRESS", claim.token
            row.attempts += 1
            assert row.attempts == attempt

    def settle(self, status: str, stage: str, token: UUID, sessions: Iterable[UUID]) -> set[UUID]:
        settled = self._held_of(token, stage, sessions)
        for session in settled:
            row = self.rows[session, stage]
            row.status, row.token, row.error_kind, row.for_good = status, None, None, False
            self._open_after(session, stage)
        return settled

    def fail(self, stage: str, token: UUID, sessions: Iterable[UUID], kind: str) -> dict[UUID, str]:
        failed = self._held_of(token, stage, sessions)
        for session in failed:
            again = kind == "transient" and self.rows[session, stage].attempts < MAX_ATTEMPTS
            self._fail((session, stage), kind, again=again, ready="later" if again else "due")
        return {session: self.rows[session, stage].status for session in failed}

    def release(self, token: UUID, sessions: Iterable[UUID] | None) -> set[UUID]:
        released = [key for key in self.held(token) if sessions is None or key[0] in sessions]
        for key in released:
            row = self.rows[key]
            row.status, row.ready, row.token = "PENDING", "due", None
            row.attempts -= 1
        if not self.held(token):
            self._forget(token)
        return {session for session, _ in released}

    def reset_failed(self, scope: Scope, in_window: set[UUID]) -> Counter[str]:
        reset: Counter[str] = Counter()
        for (session, stage), row in self.rows.items():
            if row.status == "FAILED" and self._in_scope(session, row, scope, in_window):
                row.status, row.ready, row.attempts = "PENDING", "due", 0
                reset[stage] += 1
        if scope.session_ids is not None and scope.error_kinds is None:
            for stage in self.stages:
                again = [
                    session
                    for (session, row_stage), row in self.rows.items()
                    if row_stage == stage and row.for_good and self._in_scope(session, row, scope, in_window)
                ]
                if again:
                    reset[stage] += len(self.reopen(stage, again))
        return reset

    def skip_failed(self, scope: Scope, in_window: set[UUID]) -> Counter[str]:
        skipped: Counter[str] = Counter()
        for (session, stage), row in self.rows.items():
            if row.status == "FAILED" and self._in_scope(session, row, scope, in_window):
                row.status, row.error_kind, row.for_good = "SKIPPED", None, True
                self._open_after(session, stage)
                skipped[stage] += 1
        return skipped

    def reopen(self, stage: str, sessions: Iterable[UUID]) -> set[UUID]:
        position = self.stages.index(stage)
        reopened = set()
        for session in sessions:
            for later in self.stages[position:]:
                if (session, later) in self.rows:
                    self.rows[session, later] = Row()
                    reopened.add(session)
            before = self.rows.get((session, self.stages[position - 1])) if position else None
            if (session, stage) in self.rows and (before is None or before.status in THROUGH):
                self.rows[session, stage].ready = "due"
        return reopened

    # --- what can be asked

    def held(self, token: UUID) -> list[Key]:
        return [key for key, row in self.rows.items() if row.token == token]

    def counts(self, companies: set[UUID]) -> Counter[tuple[str, str]]:
        """Sessions per stage and status; PENDING includes those that wait."""
        return Counter(
            (stage, row.status) for (session, stage), row in self.rows.items() if self.company_of[session] in companies
        )

    # --- what the verbs share

    def _held_of(self, token: UUID, stage: str, sessions: Iterable[UUID]) -> set[UUID]:
        asked = set(sessions)
        return {session for session, held_stage in self.held(token) if held_stage == stage and session in asked}

    def _open_after(self, session: UUID, stage: str) -> None:
        following = self.stages[self.stages.index(stage) + 1 :]
        after = self.rows.get((session, following[0])) if following else None
        if after is not None and (after.status, after.ready) == ("PENDING", "waiting"):
            after.ready = "due"

    def _fail(self, key: Key, kind: str, *, again: bool, ready: str) -> None:
        row = self.rows[key]
        self.failures[(*key, row.attempts, kind)] += 1
        row.status, row.ready = "PENDING" if again else "FAILED", ready
        row.token, row.error_kind = None, kind

    def _forget(self, token: UUID) -> None:
        self.leases.pop(token, None)
        self.expired.discard(token)

    def _realign(self, session: UUID) -> None:
        for before, stage in zip(self.stages, self.stages[1:], strict=False):
            row = self.rows[session, stage]
            if row.status == "PENDING" and self.rows[session, before].status not in THROUGH:
                row.ready = "waiting"
            elif row.status == "PENDING" and row.ready == "waiting":
                row.ready = "due"

    def _in_scope(self, session: UUID, row: Row, scope: Scope, in_window: set[UUID]) -> bool:
        return (
            (scope.company_ids is None or self.company_of[session] in scope.company_ids)
            and (scope.session_ids is None or session in scope.session_ids)
            and (scope.started_from is None or session in in_window)
            and (scope.error_kinds is None or row.error_kind in scope.error_kinds)
        )

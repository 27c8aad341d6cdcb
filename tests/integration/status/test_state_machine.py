"""Any order of verbs, by several holders: after each step the tables equal a plain-Python model."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, delete, func, insert, text, update

from livedash_core.enums import ERROR_KINDS
from livedash_core.models import (
    Company,
    ProcessingCount,
    ProcessingDelta,
    ProcessingFailure,
    ProcessingLease,
    ProcessingStatus,
    SessionImport,
)
from livedash_core.pipeline import BUILT_IN, Pipeline, StageDefinition
from livedash_core.status import Failure, ProcessingStatusManager, Scope, fold, read_breakdown
from tests.integration.records import NOON, Records
from tests.integration.status.reference_model import MAX_ATTEMPTS, Model

ADDED = "TRANSLATION"
#: The same in every example, so that Hypothesis can shrink one.
SESSIONS = [UUID(int=number) for number in range(1, 7)]
COMPANIES = (UUID(int=100), UUID(int=101))
OWNERS = {session: COMPANIES[session.int % 2] for session in SESSIONS}
#: These started at noon, the others a day later.
EARLY = set(SESSIONS[:3])
TABLES = (ProcessingStatus, ProcessingFailure, ProcessingLease, ProcessingCount, ProcessingDelta)
ROWS = """
    SELECT session_id, stage, status, attempts, lease_token, error_kind,
           CASE WHEN available_at = 'infinity' THEN 'waiting' WHEN available_at > now() THEN 'later' ELSE 'due' END
    FROM livedash.session_processing_status
"""
stages = st.sampled_from((*BUILT_IN.names[:3], ADDED))
some_sessions = st.sets(st.sampled_from(SESSIONS), min_size=1)
tokens = st.integers(0, 30)
scopes = st.one_of(
    st.just(Scope()),
    st.sampled_from(COMPANIES).map(lambda company: Scope(company_ids=(company,))),
    some_sessions.map(lambda sessions: Scope(session_ids=tuple(sessions))),
    st.just(Scope(started_from=NOON, started_before=NOON + timedelta(hours=1))),
    st.sampled_from(ERROR_KINDS).map(lambda kind: Scope(error_kinds=(kind,))),
)


class PipelineMachine(RuleBasedStateMachine):
    """Three of the five stages, and a fourth that is added at some moment."""

    connection: Connection

    def __init__(self) -> None:
        super().__init__()
        self.model = Model(BUILT_IN.names[:3])
        self.tokens: list[tuple[str, UUID]] = []
        for table in TABLES:  # not TRUNCATE: it makes new files each time
            self.connection.execute(delete(table))
        self._company_status("ACTIVE", *COMPANIES)

    @property
    def pipeline(self) -> Pipeline:
        """The model's stages, which cannot run."""
        return Pipeline(tuple(StageDefinition(stage, "nowhere:Stage", stage.lower()) for stage in self.model.stages))

    @property
    def manager(self) -> ProcessingStatusManager:
        return ProcessingStatusManager(self.connection, pipeline=self.pipeline, max_attempts=MAX_ATTEMPTS)

    # --- rules

    @initialize()
    def begin(self) -> None:
        self.ingest(set(SESSIONS[:4]), 0)

    @rule(sessions=some_sessions, completed_stages=st.integers(0, 1))
    def ingest(self, sessions: set[UUID], completed_stages: int) -> None:
        owned = {session: OWNERS[session] for session in sessions}
        new = Records(self.connection.engine).initialize(owned, self.pipeline, completed_stages=completed_stages)
        assert set(new) == self.model.initialize(owned, completed_stages)

    @rule(stage=stages, limit=st.integers(1, 6), scope=scopes)
    def claim(self, stage: str, limit: int, scope: Scope) -> None:
        # A claim takes over at most ten leases; the model takes them all.
        if stage not in self.model.stages or list(self.model.leases.values()).count(stage) >= 10:
            return
        claim = self.manager.claim(stage, limit, scope, lease_seconds=3600)
        self.model.reclaim(stage)
        due = self.model.due(stage, scope, EARLY)
        assert claim.attempts.keys() <= due
        assert len(claim.attempts) == min(limit, len(due))
        self.model.claim(stage, claim)
        if claim.attempts:
            self.tokens.append((stage, claim.token))

    @precondition(lambda self: self.tokens)
    @rule(number=tokens, sessions=some_sessions, verb=st.sampled_from(["complete", "skip"]))
    def settle(self, number: int, sessions: set[UUID], verb: str) -> None:
        stage, token = self._token(number)
        if verb == "complete":
            settled = self.manager.complete(stage, token, {session: {"n": 1} for session in sessions})
        else:
            settled = self.manager.skip(stage, token, dict.fromkeys(sessions, "nothing to do"))
        expected = self.model.settle("COMPLETED" if verb == "complete" else "SKIPPED", stage, token, sessions)
        assert Counter(settled) == Counter(expected)

    @precondition(lambda self: self.tokens)
    @rule(number=tokens, sessions=some_sessions, kind=st.sampled_from(["transient", "permanent"]))
    def fail(self, number: int, sessions: set[UUID], kind: str) -> None:
        stage, token = self._token(number)
        failed = self.manager.fail(stage, token, [Failure(session, kind, "no") for session in sessions])
        assert failed == self.model.fail(stage, token, sessions, kind)

    @precondition(lambda self: self.tokens)
    @rule(number=tokens, sessions=st.none() | some_sessions)
    def release(self, number: int, sessions: set[UUID] | None) -> None:
        _, token = self._token(number)
        assert set(self.manager.release(token, sessions)) == self.model.release(token, sessions)

    @precondition(lambda self: self.tokens)
    @rule(number=tokens)
    def renew(self, number: int) -> None:
        _, token = self._token(number)
        assert self.manager.renew(token, lease_seconds=3600) is (token in self.model.leases)
        self.model.expired.discard(token)

    @precondition(lambda self: self.model.leases)
    @rule(number=tokens)
    def lease_runs_out(self, number: int) -> None:
        _, token = self._token(number)
        lease = update(ProcessingLease).where(ProcessingLease.token == token)
        self.connection.execute(lease.values(expires_at=func.now() - timedelta(seconds=1)))
        self.model.expired |= {token} & self.model.leases.keys()

    @rule()
    def backoff_is_over(self) -> None:
        Records(self.connection.engine).backoff_is_over()
        for row in self.model.rows.values():
            row.ready = "due" if row.ready == "later" else row.ready

    @rule(scope=scopes)
    def reset_failed(self, scope: Scope) -> None:
        assert self.manager.reset_failed(scope) == self.model.reset_failed(scope, EARLY)

    @rule(scope=scopes)
    def skip_failed(self, scope: Scope) -> None:
        assert self.manager.skip_failed(scope, "not worth it", "Ann") == self.model.skip_failed(scope, EARLY)

    @rule(stage=stages, sessions=some_sessions)
    def reopen(self, stage: str, sessions: set[UUID]) -> None:
        if stage in self.model.stages:
            assert set(self.manager.reopen(stage, sessions)) == self.model.reopen(stage, sessions)

    @rule(company=st.sampled_from(COMPANIES))
    def suspend_or_activate(self, company: UUID) -> None:
        self._company_status("ACTIVE" if company in self.model.suspended else "SUSPENDED", company)
        self.model.suspended ^= {company}

    @precondition(lambda self: ADDED not in self.model.stages)
    @rule(position=st.integers(1, 3))
    def add_a_stage(self, position: int) -> None:
        """Sessions that are here already get their row when they are initialized again."""
        self.model.stages = (*self.model.stages[:position], ADDED, *self.model.stages[position:])

    @rule()
    def fold(self) -> None:
        fold(self.connection)

    # --- invariants

    @invariant()
    def rows_equal_the_model(self) -> None:
        found = {(row[0], row[1]): tuple(row[2:]) for row in self.connection.execute(text(ROWS))}
        assert found == {
            key: (
                row.status,
                row.attempts,
                row.token,
                row.error_kind,
                # When a settled row was available says nothing about what happens next.
                row.ready if row.status == "PENDING" else found[key][-1],
            )
            for key, row in self.model.rows.items()
        }

    @invariant()
    def leases_and_history_equal_the_model(self) -> None:
        leases = self.connection.execute(text("SELECT token, stage FROM livedash.session_processing_lease"))
        assert {row.token: row.stage for row in leases} == self.model.leases
        history = self.connection.execute(
            text("SELECT session_id, stage, attempt, error_kind FROM livedash.session_processing_failure")
        )
        assert Counter(tuple(row) for row in history) == self.model.failures

    @invariant()
    def the_counts_equal_a_recount(self) -> None:
        for companies in (None, [COMPANIES[0]]):
            breakdown = read_breakdown(self.connection, self.pipeline, companies)
            assert breakdown == read_breakdown(self.connection, self.pipeline, companies, recount=True)
            counted = self.model.counts(set(companies or COMPANIES))
            for stage in self.model.stages:
                assert breakdown.stages[stage] == {status: counted[stage, status] for status in breakdown.stages[stage]}

    # --- helpers

    def _token(self, number: int) -> tuple[str, UUID]:
        return self.tokens[number % len(self.tokens)]

    def _company_status(self, status: str, *companies: UUID) -> None:
        self.connection.execute(update(Company).where(Company.id.in_(companies)).values(status=status))


def test_any_order_of_verbs_equals_the_model(connection: Connection) -> None:
    connection.execute(insert(Company), [{"id": company, "name": str(company)} for company in COMPANIES])
    imported = [
        {
            "id": session,
            "company_id": OWNERS[session],
            "external_session_id": str(session),
            "started_at": NOON + timedelta(days=session not in EARLY),
        }
        for session in SESSIONS
    ]
    connection.execute(insert(SessionImport), imported)
    machine = type("Machine", (PipelineMachine,), {"connection": connection})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            database=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )

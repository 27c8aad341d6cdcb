"""The promises of the status manager, one section each."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from livedash_core.errors import IllegalMove, LeaseLost, UnknownSession, UnknownStage, UsageError
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope, fold
from tests.integration.records import NOON, pipeline_with
from tests.new_sessions import initialize_new

FETCH, CREATE = "TRANSCRIPT_FETCH", "SESSION_CREATION"


@pytest.fixture
def manager(connection: Connection) -> ProcessingStatusManager:
    return ProcessingStatusManager(connection, max_attempts=3)


# --- initialize


def test_a_new_session_waits_at_its_first_open_stage(records, company_id, manager):
    (session,) = records.sessions(company_id, 1, completed_stages=1)

    assert [stage.status for stage in manager.get_session_status(session)] == ["COMPLETED"] + ["PENDING"] * 4
    assert manager.get_sessions_needing_processing(FETCH) == [session]
    assert manager.get_sessions_needing_processing(CREATE) == []


def test_initializing_again_changes_nothing(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    manager.start_stage(session, FETCH)

    assert manager.initialize_session(session, company_id) is False
    records.assert_stage(session, FETCH, "IN_PROGRESS")
    records.assert_counts_equal_rows()


def test_initialize_new_sessions_writes_the_same_rows(records, company_id, manager):
    (known,) = records.sessions(company_id, 1)
    new = uuid4()

    initialize_new(records.engine, company_id, [new], completed_stages=1)

    assert [stage.status for stage in manager.get_session_status(new)] == [
        stage.status for stage in manager.get_session_status(known)
    ]
    assert set(manager.get_sessions_needing_processing(FETCH)) == {known, new}
    with pytest.raises(IntegrityError):
        initialize_new(records.engine, company_id, [known])
    records.assert_counts_equal_rows()


# --- 1. one holder


def test_a_claimed_session_is_not_claimed_again(records, company_id, manager):
    records.sessions(company_id, 3)

    first, second = manager.claim(FETCH, 2), manager.claim(FETCH, 2)

    assert len(first.attempts) == 2
    assert len(second.attempts) == 1
    assert not first.attempts.keys() & second.attempts.keys()
    assert first.token != second.token


def test_a_row_that_another_transaction_is_claiming_is_skipped(records, company_id, engine: Engine, manager):
    records.sessions(company_id, 2)
    with engine.begin() as other:
        theirs = ProcessingStatusManager(other).claim(FETCH, 1)
        ours = manager.claim(FETCH, 2)

    assert len(ours.attempts) == 1
    assert not ours.attempts.keys() & theirs.attempts.keys()


@pytest.mark.parametrize("verb", ["complete", "skip", "fail"])
def test_a_stale_holder_changes_nothing_and_gets_no_ids_back(records, company_id, manager, verb):
    (session,) = records.sessions(company_id, 1)
    stale = manager.claim(FETCH, 1)
    records.expire_leases()
    fresh = manager.claim(FETCH, 1)
    assert list(fresh.attempts) == [session]

    settled = {
        "complete": lambda: manager.complete(FETCH, stale.token, {session: None}),
        "skip": lambda: manager.skip(FETCH, stale.token, {session: "no"}),
        "fail": lambda: manager.fail(FETCH, stale.token, [Failure(session, "permanent", "no")]),
    }[verb]()

    assert not settled
    assert manager.release(stale.token) == []
    assert manager.renew(stale.token) is False
    assert records.row(session, FETCH).lease_token == fresh.token
    assert manager.complete(FETCH, fresh.token, {session: None}) == [session]


def test_the_verbs_for_one_session_raise_when_the_lease_is_lost(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    manager.start_stage(session, FETCH)

    with pytest.raises(LeaseLost, match=str(session)):
        manager.complete_stage(session, FETCH, uuid4())
    records.assert_stage(session, FETCH, "IN_PROGRESS")


# --- 2. crashes count


def test_a_crash_counts_as_an_attempt_and_a_release_does_not(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    released = manager.claim(FETCH, 1)
    manager.release(released.token)
    assert records.row(session, FETCH).attempts == 0

    manager.claim(FETCH, 1)
    records.expire_leases()

    assert manager.claim(FETCH, 1).attempts == {session: 2}
    assert [failure.error_kind for failure in records.failures(session)] == ["lease_expired"]


def test_a_crash_on_the_last_attempt_fails_the_session(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    for _ in range(3):
        assert manager.claim(FETCH, 1).attempts
        records.expire_leases()

    assert manager.claim(FETCH, 1).attempts == {}
    row = records.row(session, FETCH)
    assert (row.status, row.error_kind, row.attempts) == ("FAILED", "lease_expired", 3)
    assert len(records.failures(session)) == 3
    records.assert_counts_equal_rows()


def test_a_renewed_lease_does_not_expire(records, company_id, manager):
    records.sessions(company_id, 1)
    claim = manager.claim(FETCH, 1)
    records.expire_leases()

    assert manager.renew(claim.token) is True
    assert manager.claim(FETCH, 1).attempts == {}


def test_a_released_lease_is_deleted(records, company_id, manager, connection):
    records.sessions(company_id, 1)
    manager.release(manager.claim(FETCH, 1).token)

    assert connection.scalar(text("SELECT count(*) FROM livedash.session_processing_lease")) == 0


def test_a_lease_ends_with_its_last_session(records, company_id, manager, connection):
    first, second = records.sessions(company_id, 2)
    token = manager.claim(FETCH, 2).token
    for session, leases in ((first, 1), (second, 0)):
        manager.complete(FETCH, token, {session: None})
        assert manager.end_lease(token) == (leases == 0)
        assert connection.scalar(text("SELECT count(*) FROM livedash.session_processing_lease")) == leases


# --- 3. the effect and the status stand or fall together


def test_a_rollback_undoes_effect_and_status_together(records, company_id, engine, manager):
    (session,) = records.sessions(company_id, 1)
    claim = manager.claim(FETCH, 1)
    with engine.connect() as other:
        ProcessingStatusManager(other).complete(FETCH, claim.token, {session: None})
        other.rollback()

    records.assert_stage(session, FETCH, "IN_PROGRESS")
    records.assert_counts_equal_rows()


# --- 4. order


@pytest.mark.parametrize("verb", ["complete", "skip"])
def test_the_next_stage_opens_when_this_one_is_finished(records, company_id, manager, verb):
    (session,) = records.sessions(company_id, 1)
    assert manager.claim(CREATE, 1).attempts == {}

    token = manager.start_stage(session, FETCH)
    if verb == "complete":
        manager.complete_stage(session, FETCH, token, {"bytes": 12})
    else:
        manager.skip_stage(session, FETCH, token, "no transcript URL")

    assert manager.claim(CREATE, 1).attempts == {session: 1}
    row = records.row(session, FETCH)
    assert row.metadata == ({"bytes": 12} if verb == "complete" else {"reason": "no transcript URL"})


def test_a_failed_stage_opens_nothing(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    manager.fail_stage(session, FETCH, manager.start_stage(session, FETCH), "404")

    assert manager.claim(CREATE, 1).attempts == {}
    assert manager.is_ready_for_stage(session, CREATE) is False
    assert manager.has_completed_stage(session, FETCH) is False


def test_a_stage_that_is_not_due_cannot_be_started(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)

    with pytest.raises(IllegalMove, match=r"cannot start SESSION_CREATION .* waiting for an earlier stage"):
        manager.start_stage(session, CREATE)
    manager.start_stage(session, FETCH)
    with pytest.raises(IllegalMove, match="IN_PROGRESS"):
        manager.start_stage(session, FETCH)


# --- 5. errors are data


def test_a_transient_failure_is_retried_until_no_attempts_are_left(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    statuses = []
    for _ in range(3):
        claim = manager.claim(FETCH, 1)
        statuses.append(manager.fail(FETCH, claim.token, [Failure(session, "transient", "503")])[session])
        assert manager.claim(FETCH, 1).attempts == {}, "backoff must hold it back"
        records.backoff_is_over()

    assert statuses == ["PENDING", "PENDING", "FAILED"]
    assert [(failure.attempt, failure.error_message) for failure in records.failures(session)] == [
        (1, "503"),
        (2, "503"),
        (3, "503"),
    ]
    records.assert_counts_equal_rows()


def test_backoff_grows_and_retry_after_is_honoured(records, company_id, manager):
    patient, hurried = records.sessions(company_id, 2)
    claim = manager.claim(FETCH, 2)
    manager.fail(FETCH, claim.token, [Failure(hurried, "transient", "x"), Failure(patient, "transient", "x", 3600.0)])

    def wait(session):
        row = records.row(session, FETCH)
        return row.available_at - records.failures(session)[-1].failed_at

    assert timedelta(seconds=17) <= wait(hurried) <= timedelta(seconds=18.7)
    assert wait(patient) == timedelta(hours=1)


def test_a_permanent_failure_is_not_retried(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    manager.fail_stage(session, FETCH, manager.start_stage(session, FETCH), "404 Not Found")

    (failed,) = manager.get_failed_sessions()
    assert (failed.session_id, failed.stage, failed.company) == (session, FETCH, "Acme")
    assert (failed.error_kind, failed.error_message, failed.attempts) == ("permanent", "404 Not Found", 1)


def test_stored_messages_have_no_secrets_no_nul_and_a_limited_length(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    message = "GET https://user:hunter2@host/x\x00 Authorization: Basic dXNlcjpwYXNz failed " + "x" * 5000
    manager.fail_stage(session, FETCH, manager.start_stage(session, FETCH), message)

    stored = records.row(session, FETCH).error_message
    assert "hunter2" not in stored
    assert "dXNlcjpwYXNz" not in stored
    assert "\x00" not in stored
    assert len(stored) == 2000
    assert records.failures(session)[0].error_message == stored


# --- 6. retry is a verb with a scope


def test_reset_failed_changes_only_its_scope(records, manager):
    ours, theirs = records.company("Ours"), records.company("Theirs")
    early, late = records.sessions(ours, 1), records.sessions(ours, 1, started_at=NOON + timedelta(days=1))
    other = records.sessions(theirs, 1)
    claim = manager.claim(FETCH, 10)
    manager.fail(FETCH, claim.token, [Failure(session, "permanent", "no") for session in early + late + other])

    reset = manager.reset_failed(Scope(company_ids=(ours,), started_from=NOON, started_before=NOON + timedelta(days=1)))

    assert reset == {FETCH: 1}
    assert manager.claim(FETCH, 10).attempts == {early[0]: 1}
    records.assert_stage(late[0], FETCH, "FAILED")
    records.assert_stage(other[0], FETCH, "FAILED")
    records.assert_counts_equal_rows()


def test_retry_by_error_kind_and_by_session(records, company_id, manager):
    one, two = records.sessions(company_id, 2)
    claim = manager.claim(FETCH, 2)
    manager.fail(FETCH, claim.token, [Failure(one, "permanent", "no"), Failure(two, "permanent", "no")])

    assert manager.reset_failed(Scope(error_kinds=("lease_expired",))) == {}
    assert manager.reset_failed(Scope(session_ids=(two,))) == {FETCH: 1}
    manager.reset_stage_for_retry(one, FETCH)
    with pytest.raises(IllegalMove, match="cannot retry"):
        manager.reset_stage_for_retry(one, FETCH)


def test_a_claim_takes_only_sessions_of_its_scope(records, manager):
    ours, theirs = records.company("Ours"), records.company("Theirs")
    mine, late = records.sessions(ours, 1), records.sessions(ours, 1, started_at=NOON + timedelta(days=3))
    other = records.sessions(theirs, 1)

    assert manager.claim(FETCH, 10, Scope(company_ids=(theirs,))).attempts == {other[0]: 1}
    assert manager.claim(FETCH, 10, Scope(started_from=NOON + timedelta(days=1))).attempts == {late[0]: 1}
    assert manager.claim(FETCH, 10, without_company_ids=[ours]).attempts == {}
    assert manager.claim(FETCH, 10, Scope(session_ids=tuple(mine))).attempts == {mine[0]: 1}


@pytest.mark.parametrize("scope", [Scope(), Scope(started_from=NOON)])
def test_only_active_companies_are_claimed(records, manager, scope):
    records.sessions(records.company("Gone", status="SUSPENDED"), 1)

    assert manager.claim(FETCH, 10, scope).attempts == {}
    assert manager.get_due_stages() == []


# --- 7. counts


def test_the_breakdown_adds_up_and_folding_changes_nothing_visible(records, company_id, manager, connection):
    sessions = records.sessions(company_id, 5)
    claim = manager.claim(FETCH, 4)
    manager.complete(FETCH, claim.token, {sessions[0]: None})
    manager.skip(FETCH, claim.token, {sessions[1]: "empty"})
    manager.fail(FETCH, claim.token, [Failure(sessions[2], "permanent", "no")])
    before = manager.get_pipeline_status()
    fold(connection)

    assert manager.get_pipeline_status() == before
    assert before.total_sessions == 5
    assert before.stages[FETCH] == {"PENDING": 1, "IN_PROGRESS": 1, "COMPLETED": 1, "FAILED": 1, "SKIPPED": 1}
    assert (before.ready(CREATE), before.waiting(CREATE)) == (2, 3)
    assert connection.scalar(text("SELECT count(*) FROM livedash.session_processing_delta")) == 0
    records.assert_counts_equal_rows()


def test_the_breakdown_of_a_company_has_only_its_sessions(records, manager):
    ours, theirs = records.company("Ours"), records.company("Theirs")
    records.sessions(ours, 2)
    records.sessions(theirs, 3)

    assert manager.get_pipeline_status([ours]).total_sessions == 2
    assert manager.get_pipeline_status().total_sessions == 5


# --- reopen


def test_reopening_a_stage_reopens_all_later_ones_and_releases_their_claims(records, company_id, manager):
    (session,) = records.sessions(company_id, 1)
    for stage in BUILT_IN.names[1:4]:
        manager.complete_stage(session, stage, manager.start_stage(session, stage))
    token = manager.start_stage(session, BUILT_IN.names[4])

    assert manager.reopen(CREATE, [session]) == [session]

    assert [stage.status for stage in manager.get_session_status(session)] == ["COMPLETED"] * 2 + ["PENDING"] * 3
    with pytest.raises(LeaseLost):
        manager.complete_stage(session, BUILT_IN.names[4], token)
    assert manager.claim(BUILT_IN.names[3], 1).attempts == {}
    assert manager.claim(CREATE, 1).attempts == {session: 1}
    records.assert_counts_equal_rows()


# --- bad input


def test_invalid_arguments_are_refused_with_a_named_error(manager, records, company_id):
    (session,) = records.sessions(company_id, 1)
    with pytest.raises(UnknownStage, match="no stage 'LUNCH'"):
        manager.claim("LUNCH", 1)
    with pytest.raises(UnknownSession):
        manager.get_session_status(uuid4())
    with pytest.raises(UsageError, match="cannot claim -1"):
        manager.claim(FETCH, -1)
    token = manager.start_stage(session, FETCH)
    with pytest.raises(UsageError, match="not JSON"):
        manager.complete_stage(session, FETCH, token, {"when": NOON})
    records.assert_stage(session, FETCH, "IN_PROGRESS")


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("status = 'DONE'", "status_known"),
        ("status = 'IN_PROGRESS'", "lease_while_in_progress"),
        ("status = 'COMPLETED', completed_at = NULL", "settled_has_a_time"),
        ("status = 'FAILED', completed_at = now(), error_group = 'no'", "failure_has_a_kind"),
        ("status = 'FAILED', completed_at = now(), error_kind = 'permanent'", "failure_has_a_group"),
        ("attempts = -1", "attempts_not_negative"),
    ],
)
def test_the_checks_of_the_table_refuse_invalid_rows(records, company_id, connection, change, constraint):
    records.sessions(company_id, 1)
    with pytest.raises(IntegrityError, match=constraint):
        connection.execute(
            text(f"UPDATE livedash.session_processing_status SET {change} WHERE stage = 'TRANSCRIPT_FETCH'")
        )


def test_a_sixth_stage_needs_no_migration(records, company_id, connection):
    manager = ProcessingStatusManager(connection, pipeline=pipeline_with("TRANSLATION", after="SESSION_CREATION"))
    session = uuid4()
    manager.initialize_sessions({session: company_id}, completed_stages=3)

    assert manager.claim("AI_ANALYSIS", 1).attempts == {}
    claim = manager.claim("TRANSLATION", 1)
    manager.complete("TRANSLATION", claim.token, {session: None})
    assert manager.claim("AI_ANALYSIS", 1).attempts == {session: 1}
    assert list(manager.get_pipeline_status().stages) == list(manager.pipeline.names)

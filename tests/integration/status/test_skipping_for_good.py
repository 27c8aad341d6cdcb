"""A person skips failed sessions for good: with a reason, in a scope, and until it is retried."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.errors import UsageError
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ProcessingStatusManager, Scope
from livedash_core.status.failure_groups import list_failure_groups
from tests.integration.records import NOON, Records

FETCH, CREATE, ANALYSE, LAST = BUILT_IN.names[1:]


@pytest.fixture
def manager(connection: Connection) -> ProcessingStatusManager:
    return ProcessingStatusManager(connection)


def fail(manager: ProcessingStatusManager, session: UUID, stage: str = FETCH, message: str = "404 Not Found") -> None:
    manager.fail_stage(session, stage, manager.start_stage(session, stage), message)


def test_it_is_skipped_with_reason_and_author_and_moves_on(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    (session,) = records.sessions(company_id, 1)
    fail(manager, session)

    assert manager.skip_failed(Scope(), "the file\nis gone", "Ann") == {FETCH: 1}

    row = records.row(session, FETCH)
    assert (row.status, row.error_message, row.error_kind) == ("SKIPPED", None, None)
    assert row.metadata == {"reason": "the file is gone", "skipped_by": "Ann", "failure": "404 Not Found"}
    assert row.completed_at is not None
    assert manager.get_sessions_needing_processing(CREATE) == [session]
    assert [failure.error_message for failure in records.failures(session)] == ["404 Not Found"]
    assert list_failure_groups(manager.connection) == []
    records.assert_counts_equal_rows()


def test_only_failed_sessions_of_the_scope_are_skipped(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    wanted, other_day, due = (
        *records.sessions(company_id, 1),
        *records.sessions(company_id, 1, started_at=NOON + timedelta(days=3)),
        *records.sessions(company_id, 1),
    )
    (of_another,) = records.sessions(records.company("Other"), 1)
    for session in (wanted, other_day, of_another):
        fail(manager, session)
    scope = Scope(company_ids=(company_id,), started_from=NOON, started_before=NOON + timedelta(days=1))

    assert manager.skip_failed(scope, "no", "Ann") == {FETCH: 1}
    assert {session: records.row(session, FETCH).status for session in (wanted, other_day, of_another, due)} == {
        wanted: "SKIPPED",
        other_day: "FAILED",
        of_another: "FAILED",
        due: "PENDING",
    }


def test_a_retry_skips_them_unless_it_names_them(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    first, second = records.sessions(company_id, 2)
    for session in (first, second):
        fail(manager, session)
    manager.skip_failed(Scope(), "no", "Ann")
    manager.complete_stage(first, CREATE, manager.start_stage(first, CREATE))

    assert manager.reset_failed(Scope()) == {}
    assert manager.reset_failed(Scope(session_ids=(first,), stages=(CREATE,))) == {}
    assert manager.reset_failed(Scope(session_ids=(first,))) == {FETCH: 1}
    assert [stage.status for stage in manager.get_session_status(first)] == ["COMPLETED"] + ["PENDING"] * 4
    assert manager.get_sessions_needing_processing(FETCH) == [first]
    records.assert_stage(second, FETCH, "SKIPPED")

    assert manager.reset_failed(Scope(), with_skipped=True) == {FETCH: 1}
    assert set(manager.get_sessions_needing_processing(FETCH)) == {first, second}
    records.assert_counts_equal_rows()


def test_what_the_pipeline_skips_by_itself_is_not_retried(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    (session,) = records.sessions(company_id, 1)
    manager.skip_stage(session, FETCH, manager.start_stage(session, FETCH), "the CSV row has no transcript URL")

    assert manager.reset_failed(Scope(session_ids=(session,)), with_skipped=True) == {}


def test_the_last_stage_can_be_skipped(records: Records, company_id: UUID, manager: ProcessingStatusManager) -> None:
    (session,) = records.sessions(company_id, 1, completed_stages=4)
    fail(manager, session, LAST)

    assert manager.skip_failed(Scope(stages=(LAST,)), "no", "Ann") == {LAST: 1}
    records.assert_counts_equal_rows()


def test_a_failure_of_two_stages_at_once_stays_in_order(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    early, late = records.sessions(company_id, 1) + records.sessions(company_id, 1, completed_stages=3)
    fail(manager, early)
    fail(manager, late, ANALYSE)

    assert manager.skip_failed(Scope(), "no", "Ann") == {FETCH: 1, ANALYSE: 1}
    assert manager.get_sessions_needing_processing(CREATE) == [early]
    assert manager.get_sessions_needing_processing(LAST) == [late]


@pytest.mark.parametrize("reason", ["", "   ", "\x00\n"])
def test_a_reason_is_required(manager: ProcessingStatusManager, reason: str) -> None:
    with pytest.raises(UsageError, match="say why"):
        manager.skip_failed(Scope(), reason, "Ann")


def test_a_reason_is_shortened_and_keeps_no_password(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    (session,) = records.sessions(company_id, 1)
    fail(manager, session)

    manager.skip_failed(Scope(), "see https://ann:hunter2@acme.example \ud800 " + "x" * 9000, "Ann\x00")

    metadata = records.row(session, FETCH).metadata
    assert "hunter2" not in metadata["reason"]
    assert len(metadata["reason"]) <= 500
    assert metadata["skipped_by"] == "Ann"

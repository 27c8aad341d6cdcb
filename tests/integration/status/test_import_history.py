"""Sessions imported with the statuses of another system are processed by every verb like others."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.errors import UnknownStage, UsageError
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ImportedHistory, ImportedState, ProcessingStatusManager, Scope
from livedash_core.status.failure_groups import list_failure_groups
from tests.integration.records import Records

CSV, FETCH, CREATE, ANALYSE, ASK = BUILT_IN.names
THEN = datetime(2025, 6, 29, 12, tzinfo=UTC)


@pytest.fixture
def manager(connection: Connection) -> ProcessingStatusManager:
    return ProcessingStatusManager(connection)


@pytest.fixture
def session(records: Records, company_id: UUID, connection: Connection) -> UUID:
    """An imported session without a status, as a migration inserts it."""
    (session,) = records.sessions(company_id, 1)
    connection.exec_driver_sql("TRUNCATE livedash.session_processing_status, livedash.session_processing_delta")
    return session


def history(company_id: UUID, **statuses: str) -> ImportedHistory:
    stages = (ImportedState(stage, status, "elsewhere", "it says so") for stage, status in statuses.items())
    return ImportedHistory(company_id, THEN, tuple(stages))


def test_statuses_times_and_origin_are_imported(
    records: Records, company_id: UUID, manager: ProcessingStatusManager, session: UUID
) -> None:
    later = datetime(2025, 7, 1, tzinfo=UTC)
    failed = ImportedState(CREATE, "FAILED", "elsewhere", "", 3, THEN, later, "https://a:hunter2@b/ refused")
    skipped = ImportedState(FETCH, "SKIPPED", "elsewhere", "no URL")
    states = (ImportedState(CSV, "COMPLETED", "elsewhere", "it is here"), skipped, failed)

    assert manager.import_history({session: ImportedHistory(company_id, THEN, states)}) == [session]
    rows = manager.get_session_status(session)
    assert [(row.status, row.attempts, row.started_at, row.completed_at) for row in rows] == [
        ("COMPLETED", 1, THEN, THEN),
        ("SKIPPED", 1, THEN, THEN),
        ("FAILED", 3, THEN, later),
        ("PENDING", 0, None, None),
        ("PENDING", 0, None, None),
    ]
    assert rows[1].metadata == {"origin": "elsewhere", "reason": "no URL"}
    assert (rows[2].error_kind, rows[2].error_message) == ("permanent", "https://***@b/ refused")
    (failure,) = records.failures(session)
    assert (failure.stage, failure.attempt, failure.failed_at) == (CREATE, 3, later)
    assert failure.error_message == rows[2].error_message
    records.assert_counts_equal_rows()


def test_an_imported_stage_is_due_when_the_one_before_it_is_finished_and_opens_the_next(
    records: Records, company_id: UUID, manager: ProcessingStatusManager, session: UUID
) -> None:
    """A session that is analysed although its transcript was not fetched does not get stuck."""
    manager.import_history({session: history(company_id, **{CSV: "COMPLETED", ANALYSE: "COMPLETED"})})

    assert manager.get_due_stages() == [FETCH, ASK]
    manager.complete_stage(session, FETCH, manager.start_stage(session, FETCH))
    manager.complete_stage(session, CREATE, manager.start_stage(session, CREATE))
    manager.complete_stage(session, ASK, manager.start_stage(session, ASK))
    assert {stage.status for stage in manager.get_session_status(session)} == {"COMPLETED"}
    records.assert_counts_equal_rows()


def test_an_imported_failure_can_be_retried(
    records: Records, company_id: UUID, manager: ProcessingStatusManager, session: UUID
) -> None:
    manager.import_history({session: history(company_id, **{CSV: "COMPLETED", FETCH: "FAILED"})})

    assert manager.claim(FETCH, 1).attempts == {}
    assert [failed.stage for failed in manager.get_failed_sessions()] == [FETCH]
    assert [(group.stage, group.sessions) for group in list_failure_groups(manager.connection)] == [(FETCH, 1)]
    assert manager.reset_failed(Scope()) == {FETCH: 1}
    assert list_failure_groups(manager.connection) == []
    assert manager.claim(FETCH, 1).attempts == {session: 1}
    records.assert_counts_equal_rows()


def test_existing_sessions_stay_unchanged(records: Records, company_id: UUID, manager: ProcessingStatusManager) -> None:
    (session,) = records.sessions(company_id, 1)
    token = manager.start_stage(session, FETCH)

    assert manager.import_history({session: history(company_id, **dict.fromkeys(BUILT_IN.names, "COMPLETED"))}) == []
    manager.complete_stage(session, FETCH, token)
    records.assert_stage(session, CREATE, "PENDING")
    records.assert_counts_equal_rows()


def test_statuses_that_cannot_be_imported_are_refused(
    company_id: UUID, manager: ProcessingStatusManager, session: UUID
) -> None:
    with pytest.raises(UsageError, match="TRANSCRIPT_FETCH cannot be imported as 'IN_PROGRESS'"):
        manager.import_history({session: history(company_id, **{FETCH: "IN_PROGRESS"})})
    with pytest.raises(UnknownStage, match="LUNCH"):
        manager.import_history({session: history(company_id, LUNCH="COMPLETED")})
    assert manager.import_history({}) == []

"""Sessions that come with states of another system: every later verb finds them where it looks."""

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
def session(world: Records, company_id: UUID, connection: Connection) -> UUID:
    """Imported, without a status: as a migration leaves it for the manager."""
    (session,) = world.sessions(company_id, 1)
    connection.exec_driver_sql("TRUNCATE livedash.session_processing_status, livedash.session_processing_delta")
    return session


def history(company_id: UUID, **statuses: str) -> ImportedHistory:
    stages = (ImportedState(stage, status, "elsewhere", "it says so") for stage, status in statuses.items())
    return ImportedHistory(company_id, THEN, tuple(stages))


def test_states_times_and_origin_are_taken_over(
    world: Records, company_id: UUID, manager: ProcessingStatusManager, session: UUID
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
    (failure,) = world.failures(session)
    assert (failure.stage, failure.attempt, failure.failed_at) == (CREATE, 3, later)
    assert failure.error_message == rows[2].error_message
    world.assert_ledger_equals_rows()


def test_a_stage_is_due_when_the_one_before_it_is_through_and_opens_the_next(
    world: Records, company_id: UUID, manager: ProcessingStatusManager, session: UUID
) -> None:
    """Analysed there although its transcript was never fetched: nothing is stuck behind the gap."""
    manager.import_history({session: history(company_id, **{CSV: "COMPLETED", ANALYSE: "COMPLETED"})})

    assert manager.get_due_stages() == [FETCH, ASK]
    manager.complete_stage(session, FETCH, manager.start_stage(session, FETCH))
    manager.complete_stage(session, CREATE, manager.start_stage(session, CREATE))
    manager.complete_stage(session, ASK, manager.start_stage(session, ASK))
    assert {stage.status for stage in manager.get_session_status(session)} == {"COMPLETED"}
    world.assert_ledger_equals_rows()


def test_what_failed_there_can_be_retried_here(
    world: Records, company_id: UUID, manager: ProcessingStatusManager, session: UUID
) -> None:
    manager.import_history({session: history(company_id, **{CSV: "COMPLETED", FETCH: "FAILED"})})

    assert manager.claim(FETCH, 1).attempts == {}
    assert [failed.stage for failed in manager.get_failed_sessions()] == [FETCH]
    assert [(group.stage, group.sessions) for group in list_failure_groups(manager.connection)] == [(FETCH, 1)]
    assert manager.reset_failed(Scope()) == {FETCH: 1}
    assert list_failure_groups(manager.connection) == []
    assert manager.claim(FETCH, 1).attempts == {session: 1}
    world.assert_ledger_equals_rows()


def test_what_is_here_already_stays_as_it_is(
    world: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    (session,) = world.sessions(company_id, 1)
    token = manager.start_stage(session, FETCH)

    assert manager.import_history({session: history(company_id, **dict.fromkeys(BUILT_IN.names, "COMPLETED"))}) == []
    manager.complete_stage(session, FETCH, token)
    world.assert_stage(session, CREATE, "PENDING")
    world.assert_ledger_equals_rows()


def test_states_that_nobody_can_take_over_are_refused(
    company_id: UUID, manager: ProcessingStatusManager, session: UUID
) -> None:
    with pytest.raises(UsageError, match="TRANSCRIPT_FETCH cannot be imported as 'IN_PROGRESS'"):
        manager.import_history({session: history(company_id, **{FETCH: "IN_PROGRESS"})})
    with pytest.raises(UnknownStage, match="LUNCH"):
        manager.import_history({session: history(company_id, LUNCH="COMPLETED")})
    assert manager.import_history({}) == []

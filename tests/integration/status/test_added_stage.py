"""A stage that is added while sessions are under way: initializing them again adds its row and corrects their order."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.errors import IllegalMove
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records, pipeline_with

ADDED = "TRANSLATION"
PIPELINE = pipeline_with(ADDED, after="SESSION_CREATION")
CREATE, ANALYSE = BUILT_IN.names[2:4]


@pytest.fixture
def manager(connection: Connection) -> ProcessingStatusManager:
    """The pipeline with TRANSLATION between SESSION_CREATION and AI_ANALYSIS."""
    return ProcessingStatusManager(connection, pipeline=PIPELINE)


def test_an_added_stage_is_due_for_sessions_that_have_reached_it(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    (session,) = records.sessions(company_id, 1, completed_stages=3)

    assert records.initialize({session: company_id}, PIPELINE) == []
    assert manager.claim(ANALYSE, 1).attempts == {}
    manager.complete_stage(session, ADDED, manager.start_stage(session, ADDED))
    assert manager.claim(ANALYSE, 1).attempts == {session: 1}


def test_an_added_stage_waits_for_earlier_stages(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    (session,) = records.sessions(company_id, 1, completed_stages=2)
    records.initialize({session: company_id}, PIPELINE)

    assert manager.claim(ADDED, 1).attempts == {}
    manager.complete_stage(session, CREATE, manager.start_stage(session, CREATE))
    assert manager.claim(ANALYSE, 1).attempts == {}
    assert manager.claim(ADDED, 1).attempts == {session: 1}


def test_completed_stages_stay_completed_when_a_stage_is_added(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    (session,) = records.sessions(company_id, 1, completed_stages=5)
    records.initialize({session: company_id}, PIPELINE)
    manager.complete_stage(session, ADDED, manager.start_stage(session, ADDED))

    assert {stage.status for stage in manager.get_session_status(session)} == {"COMPLETED"}


def test_an_added_last_stage_is_due_for_sessions_that_finished_the_others(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    through, halfway = records.sessions(company_id, 1, completed_stages=5)[0], records.sessions(company_id, 1)[0]
    longer = pipeline_with(ADDED, after=BUILT_IN.last)
    manager = ProcessingStatusManager(connection, pipeline=longer)
    records.initialize(dict.fromkeys([through, halfway], company_id), longer)

    assert manager.claim(ADDED, 2).attempts == {through: 1}


def test_an_added_stage_is_reported_missing_until_the_session_is_initialized_again(
    records: Records, company_id: UUID, manager: ProcessingStatusManager
) -> None:
    (session,) = records.sessions(company_id, 1, completed_stages=3)

    assert manager.has_completed_stage(session, ADDED) is False
    assert manager.is_ready_for_stage(session, ANALYSE) is False
    with pytest.raises(IllegalMove, match="missing; initialize the session again"):
        manager.start_stage(session, ADDED)

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy import Connection, update

from livedash_core.errors import UnknownSession, UsageError
from livedash_core.models import SessionImport
from livedash_core.operations.sessions import describe_session, find_session
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import NOON, Records


def test_a_session_is_found_by_either_id_and_within_a_company(connection: Connection, records: Records) -> None:
    acme, other = records.company("Acme"), records.company("Other")
    (ours,), (theirs,) = records.sessions(acme, 1), records.sessions(other, 1)
    connection.execute(update(SessionImport).values(external_session_id="chat-1"))
    assert find_session(connection, str(ours)) == ours
    assert find_session(connection, "chat-1", other) == theirs
    with pytest.raises(UsageError, match="2 companies have a session chat-1") as raised:
        find_session(connection, "chat-1")
    assert str(ours) in str(raised.value)
    assert str(theirs) in str(raised.value)
    for wanted in ("chat-2", "", str(uuid4()), "CHAT-1"):
        with pytest.raises(UnknownSession):
            find_session(connection, wanted)
    with pytest.raises(UnknownSession):
        find_session(connection, str(ours), other)


def test_an_external_id_may_look_like_an_internal_id(connection: Connection, records: Records) -> None:
    (session_id,) = records.sessions(records.company("Acme"), 1)
    external = str(uuid4())
    connection.execute(update(SessionImport).values(external_session_id=external))
    assert find_session(connection, external) == session_id


def test_a_session_that_failed_early_has_its_start_and_all_attempts(connection: Connection, records: Records) -> None:
    (session_id,) = records.sessions(records.company("Acme"), 1)
    manager = ProcessingStatusManager(connection)
    for message in ("gone", "still gone"):
        token = manager.start_stage(session_id, "TRANSCRIPT_FETCH")
        manager.fail_stage(session_id, "TRANSCRIPT_FETCH", token, message)
        manager.reset_stage_for_retry(session_id, "TRANSCRIPT_FETCH")
    found = describe_session(connection, session_id, BUILT_IN)
    assert list(found) == ["session", "stages", "messages", "questions", "requests"]
    assert (found["session"]["company"], found["session"]["started_at"]) == ("Acme", NOON)
    assert [stage["stage"] for stage in found["stages"]] == list(BUILT_IN.names)
    assert [failure["error_message"] for failure in found["stages"][1]["failures"]] == ["gone", "still gone"]
    assert found["messages"] == found["questions"] == found["requests"] == []

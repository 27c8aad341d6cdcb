"""Doubts about a transcript, where people see them: the session's page, the list, the command line's reader."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from starlette.testclient import TestClient

from livedash_core.operations.transcript_notes import count_noted, list_noted
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records


@pytest.fixture
def noted(records: Records, company_id: UUID, engine: Engine) -> UUID:
    """A session of three with doubts about its transcript, whose URL is gone from the CSV."""
    doubtful, *_ = records.sessions(company_id, 3, completed_stages=2)
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        claim = manager.claim("SESSION_CREATION", 3)
        notes = {"messages": 4, "unknown_speakers": 1, "message_count_differs": 9, "format": "json"}
        manager.complete(
            "SESSION_CREATION",
            claim.token,
            {each: notes if each == doubtful else {"messages": 4, "order_reversed": 1} for each in claim.attempts},
        )
        connection.execute(
            text("UPDATE livedash.session_import SET notes = '{\"transcript_url_blanked\": true}' WHERE id = :id"),
            {"id": doubtful},
        )
    return doubtful


def test_the_page_of_a_session_says_what_is_doubtful(page: TestClient, noted: UUID) -> None:
    shown = page.get(f"/sessions/{noted}").text
    assert "1 speakers whose role is unknown" in shown
    assert "the CSV counts 9 messages" in shown
    assert "read as JSON" in shown
    assert "the CSV has no transcript URL any more" in shown


def test_the_list_can_be_filtered_by_doubts_alone_and_with_other_filters(page: TestClient, noted: UUID) -> None:
    for query in ("notes=yes", "notes=yes&stage=AI_ANALYSIS", "notes=yes&state=ready", "notes=yes&from=1970-01-01"):
        shown = page.get(f"/sessions?{query}").text
        assert shown.count('<th role="rowheader"') == 1, query
        assert str(noted) in shown


def test_doubts_are_counted_until_the_transcript_is_read_again(noted: UUID, company_id: UUID, engine: Engine) -> None:
    with engine.begin() as connection:
        assert (count_noted(connection), count_noted(connection, [company_id]), count_noted(connection, [])) == (
            1,
            1,
            0,
        )
        (found,) = list_noted(connection, limit=5)
        assert (found.session_id, len(found.notes)) == (noted, 3)
        manager = ProcessingStatusManager(connection)
        manager.reopen("SESSION_CREATION", [noted])
        assert count_noted(connection) == 0
        claim = manager.claim("SESSION_CREATION", 3)
        manager.complete("SESSION_CREATION", claim.token, {noted: {"messages": 4}})
        assert count_noted(connection) == 0

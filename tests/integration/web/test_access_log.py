"""Who read a conversation or exported a list: written by the pages, kept by erasure, listed by the command."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Engine, create_engine, text, update
from starlette.testclient import TestClient

from livedash_core.models import AccessLog
from livedash_core.operations.access_log import Access, LoggedAccess, forget, list_accesses, record
from livedash_core.operations.company_access import company_resource
from livedash_core.operations.erasure import erase_company, erase_session
from livedash_core.pipeline import BUILT_IN
from tests.integration.records import Records
from tests.integration.web.conftest import Visit, make_app
from tests.integration.web.test_company_access import addresses, plant, routes, visitor_of


def entries(engine: Engine, **wanted: object) -> list[LoggedAccess]:
    with engine.connect() as connection:
        return list_accesses(connection, **wanted)  # type: ignore[arg-type] # as the test gives them


def test_a_conversation_that_is_read_has_an_entry_and_an_erased_one_has_none(
    page: TestClient, records: Records, engine: Engine
) -> None:
    company_id = records.company("Acme")
    read, erased, _other = records.sessions(company_id, 3)
    erase_session(engine, erased, BUILT_IN)

    page.get(f"sessions/{read}")
    page.get(f"sessions/{erased}")
    page.get(f"sessions/{UUID(int=7)}")

    (entry,) = entries(engine)
    assert entry[1:] == ("ada", "session", ["Acme"], read, None)
    assert abs(datetime.now(UTC) - entry.at) < timedelta(minutes=1)


def test_every_export_has_an_entry_with_its_companies_and_lines(visit: Visit, engine: Engine, records: Records) -> None:
    """The routes come from the app: an export that is added and not recorded fails here."""
    acme = plant(records, "Acme", "walnut")
    readers = {
        None: visit(make_app(lambda: engine)),
        "Acme": visit(make_app(lambda: engine, visitor=visitor_of(company_resource(acme.id, "Acme")))),
    }
    exports = 0
    for company, client in readers.items():
        for route in routes(engine):
            path, query = next(addresses(route, acme.values))
            before = len(entries(engine))
            days = {"from": "2026-03-01", "to": "2026-03-03"}
            answer = client.get(path, params={**query, **days})
            if "attachment" not in answer.headers.get("content-disposition", ""):
                continue
            exports += 1
            assert len(entries(engine)) == before + 1, path
            entry = entries(engine)[0]
            assert (entry.companies, entry.rows) == ([company] if company else None, answer.text.count("\r\n") - 1), (
                path
            )
            assert entry.rows, path
            assert entry.action in answer.headers["content-disposition"]
    assert exports >= 4


def test_a_page_is_shown_although_its_entry_cannot_be_written(
    visit: Visit, engine: Engine, records: Records, caplog: pytest.LogCaptureFixture
) -> None:
    (session,) = records.sessions(records.company("Acme"), 1)
    with engine.begin() as connection:
        for statement in (
            "DO $$ BEGIN CREATE ROLE page_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$",
            "GRANT USAGE ON SCHEMA livedash TO page_reader",
            "GRANT SELECT ON ALL TABLES IN SCHEMA livedash TO page_reader",
        ):
            connection.execute(text(statement))
    read_only = create_engine(engine.url, connect_args={"options": "-c role=page_reader"})
    page = visit(make_app(lambda: read_only))

    with caplog.at_level(logging.ERROR):
        answers = [page.get(f"sessions/{session}"), page.get("sessions/export.csv")]
    read_only.dispose()

    assert [answer.status_code for answer in answers] == [200, 200]
    assert str(session) in answers[1].text
    first, second = (entry.getMessage() for entry in caplog.records)
    assert "InsufficientPrivilege" in first
    assert "ada" in first
    assert str(session) in first
    assert "sessions.csv" in second


def test_erasing_a_session_and_a_company_keeps_who_read_them(
    page: TestClient, records: Records, engine: Engine
) -> None:
    company_id = records.company("Acme")
    (session,) = records.sessions(company_id, 1)
    page.get(f"sessions/{session}")
    before = entries(engine)

    erase_session(engine, session, BUILT_IN)
    erase_company(engine, company_id, None, BUILT_IN)

    assert before
    assert entries(engine) == before


def test_entries_are_found_by_company_user_and_day(records: Records, engine: Engine) -> None:
    acme, umbrella = records.company("Acme"), records.company("Umbrella")
    record(engine, Access("ada", "session", (acme,), UUID(int=1)))
    record(engine, Access("bob", "session", (umbrella,), UUID(int=2)))
    record(engine, Access("bob", "sessions.csv", None))
    today = datetime.now(UTC).date()

    assert [entry.user for entry in entries(engine, company_id=acme)] == ["bob", "ada"]
    assert [entry.session for entry in entries(engine, user="ada")] == [UUID(int=1)]
    assert len(entries(engine, first_day=today - timedelta(days=1), last_day=today + timedelta(days=1))) == 3
    assert entries(engine, last_day=today - timedelta(days=2)) == []


def test_old_entries_are_forgotten(records: Records, engine: Engine) -> None:
    company_id = records.company("Acme")
    for days in (10, 400):
        entry = record(engine, Access(f"{days} days ago", "session", (company_id,), UUID(int=1)))
        with engine.begin() as connection:
            ago = text(f"now() - interval '{days} days'")
            connection.execute(update(AccessLog).where(AccessLog.id == entry).values(accessed_at=ago))

    assert forget(engine, 365) == 1
    assert [entry.user for entry in entries(engine)] == ["10 days ago"]

"""A database that has seen things: every oddity is taken over or listed with a reason, and the rows add up."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_core.costs.prices import import_price_catalogue
from livedash_core.livedash_node_migration.ids import target_id
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ProcessingStatusManager
from tests.integration.livedash_node_migration.conftest import Migrate, NewNode
from tests.integration.livedash_node_migration.livedash_node import FIRST, LivedashNode
from tests.integration.records import Records


@pytest.fixture
def node(new_node: NewNode) -> LivedashNode:
    return new_node()


@pytest.fixture
def acme(node: LivedashNode) -> str:
    return node.add("Company")


def statuses(engine: Engine, source_id: str) -> list[str]:
    with engine.connect() as connection:
        found = ProcessingStatusManager(connection).get_session_status(target_id(source_id))
    return [stage.status for stage in found]


def one(engine: Engine, query: str, **parameters: Any) -> Any:
    with engine.connect() as connection:
        return connection.execute(text(query), parameters).one()


def test_every_row_is_copied_or_listed_with_a_reason(
    node: LivedashNode, acme: str, migrate: Migrate, engine: Engine, records: Records
) -> None:
    good = node.session(acme, analysed=True, questions=("Why?", "why", "?!"))
    first = node.session(acme, imported={"externalSessionId": "twice"}, questions=("Where?",))
    later = {"externalSessionId": " twice ", "createdAt": FIRST + timedelta(days=1)}
    second = node.session(acme, imported=later, analysed=True, questions=("When?",))
    homeless = node.session("no-company")
    long = node.add("SessionImport", companyId=acme, externalSessionId="x" * 501)
    orphan = node.add("Message", sessionId="gone")
    node.add("AIProcessingRequest", sessionId="gone")
    node.add("SessionQuestion", sessionId="gone", questionId="gone")
    node.add("SessionQuestion", sessionId=good, questionId="gone", order=9)
    unasked = node.add("Question", content="Who?")

    report = migrate(node)

    assert report.is_sound
    listed = {(group["table"], group["reason"]): (group["rows"], group["ids"]) for group in report.as_dict()["listed"]}
    double, nowhere = "another has the same external id in its company", "its company does not exist"
    imports = {row[0]: row[1] for row in node.execute('SELECT "externalSessionId", id FROM "SessionImport"')}
    assert listed.pop(("Session", double)) == (1, [second])
    assert listed.pop(("SessionImport", double)) == (1, [imports[" twice "]])
    assert listed.pop(("Session", nowhere)) == (1, [homeless])
    assert listed.pop(("SessionImport", nowhere))[0] == 1
    assert listed.pop(("SessionImport", "its external id has more than 500 characters")) == (1, [long])
    assert listed.pop(("Message", "its session is not copied")) == (4, [])
    assert listed.pop(("Message", "its session does not exist")) == (1, [orphan])
    assert listed.pop(("AIProcessingRequest", "its session is not copied")) == (1, [])
    assert listed.pop(("AIProcessingRequest", "its session does not exist"))[0] == 1
    assert listed.pop(("SessionQuestion", "its session is not copied")) == (1, [])
    assert listed.pop(("SessionQuestion", "its session does not exist"))[0] == 1
    assert listed.pop(("SessionQuestion", "its question does not exist"))[0] == 1
    assert listed.pop(("SessionQuestion", "its session has the same question in another spelling"))[0] == 1
    assert listed.pop(("SessionQuestion", "its question has no words"))[0] == 1
    assert listed.pop(("Question", "it has no words"))[0] == 1
    assert listed.pop(("Question", "no session asks it")) == (1, [unasked])
    assert listed.pop(("Question", "only sessions that are not copied ask it")) == (1, [])
    assert listed == {}
    assert {name: table.source for name, table in report.tables.items() if name != "User"} == {
        name: node.count(name) if name in node.columns else 0 for name in report.tables
    }
    assert statuses(engine, first)[:3] == ["COMPLETED"] * 3
    records.assert_counts_equal_rows()


def test_a_session_without_import_and_an_import_without_session_are_sessions(
    node: LivedashNode, acme: str, migrate: Migrate, engine: Engine
) -> None:
    alone = node.add("Session", companyId=acme, importId=None, summary="Somebody asked.")
    lost = node.add("Session", companyId=acme, importId="an import that was deleted")
    never = node.add("SessionImport", companyId=acme, fullTranscriptUrl="https://chats.acme.example/1.txt")
    silent = node.add("SessionImport", companyId=acme, countryCode="BE")

    assert migrate(node).is_sound
    assert statuses(engine, alone) == ["COMPLETED", "SKIPPED", "SKIPPED", "COMPLETED", "PENDING"]
    assert statuses(engine, lost) == ["COMPLETED", "SKIPPED", "SKIPPED", "PENDING", "PENDING"]
    assert statuses(engine, never) == ["COMPLETED", *["PENDING"] * 4]
    assert statuses(engine, silent) == ["COMPLETED", "SKIPPED", "SKIPPED", "PENDING", "PENDING"]
    row = one(engine, "SELECT external_session_id, start_time FROM livedash.session_import WHERE id = :id", id=alone)
    assert tuple(row) == (alone, None)
    row = one(engine, "SELECT country, started_at FROM livedash.session WHERE id = :id", id=silent)
    assert (row.country, row.started_at.astimezone(UTC).replace(tzinfo=None)) == ("BE", FIRST)


def test_two_sessions_of_one_import_are_two_sessions(
    node: LivedashNode, acme: str, migrate: Migrate, engine: Engine
) -> None:
    source = node.add("SessionImport", companyId=acme, externalSessionId="shared")
    older = node.add("Session", companyId=acme, importId=source)
    younger = node.add("Session", companyId=acme, importId=source, createdAt=FIRST.replace(year=2026))

    assert migrate(node).is_sound
    for session, external in ((older, "shared"), (younger, younger)):
        found = one(engine, "SELECT external_session_id FROM livedash.session_import WHERE id = :id", id=session)
        assert found[0] == external


@pytest.mark.parametrize("raw", ["31.02.2025 08:00:00", "yesterday", " "])
def test_an_invalid_date_fails_the_import_unless_the_session_has_its_own_times(
    node: LivedashNode, acme: str, migrate: Migrate, engine: Engine, records: Records, raw: str
) -> None:
    known = node.session(acme, imported={"startTimeRaw": raw})
    unknown = node.add("SessionImport", companyId=acme, startTimeRaw=raw, rawTranscriptContent="User: Hello")

    assert migrate(node).is_sound
    assert statuses(engine, known)[0] == "COMPLETED"
    assert statuses(engine, unknown) == ["FAILED", *["PENDING"] * 4]
    assert "start_time" in records.row(target_id(unknown), "CSV_IMPORT").error_message
    with engine.connect() as connection:
        due = ProcessingStatusManager(connection).get_due_stages()
    assert due == ["AI_ANALYSIS"]


def test_roles_are_matched_in_any_case_and_no_message_is_lost(
    node: LivedashNode, acme: str, migrate: Migrate, engine: Engine
) -> None:
    session = node.session(acme, messages=0)
    for order, role in ((0, "USER"), (2, " assistant"), (2, "System"), (7, "chatbot")):
        node.add("Message", sessionId=session, order=order, role=role, content=role, id=f"{order}{role}")

    assert migrate(node).is_sound
    with engine.connect() as connection:
        rows = connection.execute(
            text("SELECT position, role, content, sent_at FROM livedash.message WHERE session_id = :id ORDER BY 1"),
            {"id": session},
        ).all()
    assert [(row.position, row.role, row.content) for row in rows] == [
        (1, "User", "USER"),
        (2, "Assistant", " assistant"),
        (3, "System", "System"),
        (4, "System", "chatbot"),
    ]
    assert {row.sent_at.astimezone(UTC).replace(tzinfo=None) for row in rows} == {FIRST}


@pytest.mark.parametrize(
    ("source", "failed"),
    [
        ({"transcript": None, "messages": 0}, "TRANSCRIPT_FETCH"),
        ({"messages": 0}, "SESSION_CREATION"),
        ({"imported": {"status": "ERROR"}}, "AI_ANALYSIS"),
        ({"imported": {"status": "DONE"}}, None),
    ],
)
def test_an_error_of_the_import_fails_the_stage_it_belongs_to(
    node: LivedashNode, acme: str, migrate: Migrate, engine: Engine, source: dict[str, Any], failed: str | None
) -> None:
    error = "GET https://me:hunter2@chats.acme.example/t.txt failed"
    source.setdefault("imported", {"status": "ERROR"})["errorMsg"] = error
    session = UUID(node.session(acme, **source))

    assert migrate(node).is_sound
    with engine.connect() as connection:
        rows = ProcessingStatusManager(connection).get_session_status(session)
    assert [row.stage for row in rows if row.status == "FAILED"] == ([failed] if failed else [])
    told = rows[BUILT_IN.names.index(failed)].error_message if failed else rows[2].metadata["reason"]
    assert told.endswith("GET https://***@chats.acme.example/t.txt failed")


def test_rows_of_the_status_table_have_precedence(
    new_node: NewNode, migrate: Migrate, engine: Engine, records: Records
) -> None:
    node = new_node(refactored=True)
    session = node.session(node.add("Company"), analysed=True)
    node.statuses(session, TRANSCRIPT_FETCH="SKIPPED", AI_ANALYSIS="IN_PROGRESS", QUESTION_EXTRACTION="FAILED")
    node.execute("""UPDATE "SessionProcessingStatus" SET "errorMessage" = 'no URL' WHERE stage = 'TRANSCRIPT_FETCH'""")

    assert migrate(node).is_sound
    assert statuses(engine, session) == ["COMPLETED", "SKIPPED", "COMPLETED", "PENDING", "FAILED"]
    csv, fetch, failed = (records.row(UUID(session), BUILT_IN.names[number]) for number in (0, 1, 4))
    assert csv.metadata == {"origin": "livedash-node", "reason": "it was imported"}
    assert fetch.metadata == {"origin": "livedash-node: SessionProcessingStatus", "reason": "no URL"}
    assert (failed.error_kind, failed.error_message, failed.attempts) == ("permanent", "QUESTION_EXTRACTION broke", 2)
    assert failed.started_at.astimezone(UTC).replace(tzinfo=None) == FIRST


def test_an_id_that_is_not_a_uuid_is_mapped_the_same_way_each_time(
    new_node: NewNode, migrate: Migrate, engine: Engine
) -> None:
    node = new_node(schema="Old Schema")
    company = node.add("Company", id="cmcompany0001")
    for number in range(3):
        node.session(company, id=f"cmsession{number}", imported={"id": f"cmimport{number}"}, questions=("Why?",))

    assert migrate(node).is_sound
    again = migrate(node)
    assert again.is_sound
    assert (again.tables["Session"].copied, again.tables["Session"].existing) == (0, 3)
    with engine.connect() as connection:
        shown = connection.execute(
            text('SELECT "id", "importId", "companyId" FROM livedash_compat."Session" ORDER BY "id"')
        ).all()
    assert shown == [(f"cmsession{number}", f"cmimport{number}", "cmcompany0001") for number in range(3)]


def test_models_default_models_and_prices_missing_in_the_catalogue_are_copied(
    new_node: NewNode, migrate: Migrate, engine: Engine
) -> None:
    with engine.begin() as connection:
        import_price_catalogue(connection)
    node = new_node(refactored=True)
    company = node.add("Company", status="SUSPENDED")
    known, own = (node.add("AIModel", name=name) for name in ("gpt-4o", "our-own-model"))
    for model, default in ((own, False), (own, True), (known, True), ("gone", True)):
        node.add("CompanyAIModel", companyId=company, aiModelId=model, isDefault=default)
    priced = [node.add("AIModelPricing", aiModelId=model) for model in (known, own, own, "gone")]

    first, again = migrate(node), migrate(node)

    assert first.is_sound
    assert again.is_sound
    listed = {(group["table"], group["reason"]): group["ids"] for group in first.as_dict()["listed"]}
    assert listed[("AIModelPricing", "the price catalogue has its model")] == [priced[0]]
    assert listed[("AIModelPricing", "its model does not exist")] == [priced[3]]
    assert len(listed[("AIModelPricing", "another price of its model is valid from the same time")]) == 1
    assert first.tables["CompanyAIModel"].copied == again.tables["CompanyAIModel"].existing == 1
    assert (again.tables["AIModelPricing"].existing, again.tables["AIModel"].existing) == (2, 2)
    row = one(engine, "SELECT input, output, valid_from FROM livedash.ai_model_pricing WHERE by_hand")
    assert (
        str(row.input.normalize()),
        str(row.output.normalize()),
        row.valid_from.astimezone(UTC).replace(tzinfo=None),
    ) == (
        "2.5",
        "1E+1",
        FIRST,
    )
    assert tuple(one(engine, "SELECT status, model FROM livedash.company")) in {
        ("SUSPENDED", "gpt-4o"),
        ("SUSPENDED", "our-own-model"),
    }


def test_values_outside_the_closed_sets_are_left_out(
    node: LivedashNode, acme: str, migrate: Migrate, engine: Engine
) -> None:
    """Before it was an enum there, a sentiment could be anything."""
    node.execute('ALTER TABLE "Session" ALTER sentiment TYPE text, ALTER category TYPE text')
    node.session(acme, analysed=True, id="00000000-0000-4000-8000-000000000001", sentiment="positive", category="Pets")

    assert migrate(node).is_sound
    assert tuple(one(engine, "SELECT sentiment, category FROM livedash.session")) == ("POSITIVE", None)

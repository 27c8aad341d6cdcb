"""Run again after a crash or next week: the same result as undisturbed, only what is new, nothing overwritten."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError

from livedash_core.costs import ledger_store
from livedash_core.insights.counting import recount
from livedash_core.models import Base
from livedash_core.status import Failure, ProcessingStatusManager, Scope
from tests import fork_server
from tests.integration.livedash_node_migration.conftest import Migrate, NewNode
from tests.integration.livedash_node_migration.livedash_node import FIRST, LivedashNode, reference_case
from tests.integration.records import Records

#: Numbers that PostgreSQL deals out, and the moment of the run.
_CHANCE = ("id", "analysis_id", "question_id", "available_at", "added_at")
_COMPARED = (
    "company",
    "session_import",
    "session_transcript",
    "session",
    "message",
    "session_analysis",
    "question",
    "session_question",
    "session_processing_status",
    "session_processing_failure",
    "ai_processing_request",
    "ai_cost_daily",
    "session_day_count",
)


def dump(engine: Engine) -> dict[str, list[str]]:
    """All that a migration writes, but for what chance decides."""
    dumped = {}
    with engine.connect() as connection:
        for name in _COMPARED:
            table = Base.metadata.tables[f"livedash.{name}"]
            uuids = [column for column in table.primary_key if str(column.type) == "UUID"]
            columns = [column for column in table.c if column.name not in _CHANCE or column in uuids]
            shown = ", ".join(f'"{column.name}"' for column in columns)
            rows = connection.execute(text(f"SELECT ROW({shown})::text FROM {table} ORDER BY 1"))
            dumped[name] = list(rows.scalars())
    assert all(dumped[name] for name in ("session", "message", "question", "ai_processing_request"))
    return dumped


def delete_all(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(f'{table}' for table in Base.metadata.tables)} CASCADE"))


def make_inconsistent(node: LivedashNode) -> None:
    """The reference case with oddities on top."""
    reference_case(node)
    (company,) = node.execute('SELECT id FROM "Company"').fetchone() or ()
    for number in range(20):
        created = {"externalSessionId": f"twice {number % 7}", "createdAt": FIRST + timedelta(hours=number)}
        node.session(company, imported=created, questions=("Shared?", f"Own {number}?"), transcript=None, messages=0)
        node.add("SessionImport", companyId=company, startTimeRaw="?", errorMsg="broken", status="ERROR")


@pytest.mark.parametrize("done", [10, 60])
def test_a_killed_migration_that_is_run_again_has_the_same_result(
    new_node: NewNode, migrate: Migrate, engine: Engine, database_url: str, tmp_path: Path, done: int, records: Records
) -> None:
    node = new_node()
    make_inconsistent(node)
    undisturbed = migrate(node, chunk_size=10)
    expected = dump(engine)
    delete_all(engine)

    arguments = [node.url, database_url, str(tmp_path), str(done)]
    with fork_server.start("-m", "tests.integration.livedash_node_migration.killed_migration", *arguments) as migration:
        assert migration.wait(timeout=60) == -9
    with engine.connect() as connection:
        before = connection.scalar(text("SELECT count(*) FROM livedash.session_import"))
    report = migrate(node, chunk_size=7)

    assert 0 < before < undisturbed.tables["SessionImport"].copied
    assert report.is_sound
    assert report.tables["SessionImport"].existing == before
    assert dump(engine) == expected
    records.assert_counts_equal_rows()


def test_a_chunk_that_fails_is_rolled_back(
    new_node: NewNode, migrate: Migrate, engine: Engine, records: Records
) -> None:
    node = new_node()
    reference_case(node)
    with engine.begin() as connection:
        enough = "ADD CONSTRAINT enough CHECK (raw_text NOT LIKE '%year 7?')"
        connection.execute(text(f"ALTER TABLE livedash.session_question {enough}"))
    with pytest.raises(DBAPIError, match="enough"):
        migrate(node, chunk_size=5)
    with engine.begin() as connection:
        counts = connection.execute(
            text(
                "SELECT (SELECT count(*) FROM livedash.session), (SELECT count(*) FROM livedash.message), "
                "(SELECT count(DISTINCT session_id) FROM livedash.session_processing_status)"
            )
        ).one()
        connection.execute(text("ALTER TABLE livedash.session_question DROP CONSTRAINT enough"))
    assert counts[0] % 5 == 0
    assert tuple(counts) == (counts[0], 3 * counts[0], counts[0])
    records.assert_counts_equal_rows()

    report = migrate(node)
    assert report.is_sound
    assert (report.tables["Session"].existing, report.tables["Session"].copied) == (counts[0], 109 - counts[0])


def test_a_later_run_copies_new_rows_only_and_undoes_nothing(
    new_node: NewNode, migrate: Migrate, engine: Engine, records: Records
) -> None:
    node = new_node()
    reference_case(node)
    (company,) = node.execute('SELECT id FROM "Company"').fetchone() or ()
    waiting = node.add("SessionImport", companyId=company, fullTranscriptUrl="https://chats.acme.example/9.txt")
    migrate(node)
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        claim = manager.claim("AI_ANALYSIS", 5)
        first, *others = claim.attempts
        manager.complete("AI_ANALYSIS", claim.token, {first: {"here": True}})
        manager.fail("AI_ANALYSIS", claim.token, [Failure(key, "permanent", "no") for key in others])
        connection.execute(text("UPDATE livedash.session SET summary = 'ours' WHERE id = :id"), {"id": first})
        connection.execute(text("UPDATE livedash.company SET timezone = 'Europe/Amsterdam', name = 'Acme BV'"))

    node.execute('UPDATE "Session" SET summary = %s WHERE id = %s', "theirs", str(first))
    new = node.session(company, analysed=True, questions=("Why?",))
    late = node.add("Session", companyId=company, importId=waiting)
    node.add("AIProcessingRequest", sessionId=str(first))
    report = migrate(node)

    assert report.is_sound
    copied = {name: table.copied for name, table in report.tables.items() if table.copied and name != "Question"}
    assert copied == {"SessionImport": 1, "Session": 1, "Message": 2, "SessionQuestion": 1, "AIProcessingRequest": 2}
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT summary FROM livedash.session WHERE id = :id"), {"id": first}).one()
        company_now = connection.execute(text("SELECT name, timezone FROM livedash.company")).one()
        ids = set(connection.scalars(text("SELECT id FROM livedash.session_import")))
    assert kept[0] == "ours"
    assert tuple(company_now) == ("Acme BV", "Europe/Amsterdam")
    assert {UUID(new), UUID(waiting)} <= ids
    assert UUID(late) not in ids
    records.assert_stage(first, "AI_ANALYSIS", "COMPLETED")
    records.assert_stage(others[0], "AI_ANALYSIS", "FAILED")
    records.assert_counts_equal_rows()


def test_a_session_that_the_csv_import_created_is_not_duplicated(
    new_node: NewNode, migrate: Migrate, engine: Engine, records: Records
) -> None:
    node = new_node()
    company = node.add("Company")
    ours = records.company("Acme", csv_url="https://chats.acme.example/sessions.csv")
    (session,) = records.sessions(ours, 1)
    old = node.session(company, imported={"externalSessionId": f"ext-{session}"})
    node.session(company)
    node.add("Company", csvUrl="https://other.example/sessions.csv", id="another")

    report = migrate(node)

    assert report.is_sound
    assert report.tables["Session"].listed == {"the CSV import created another session with its external id": 1}
    assert report.as_dict()["listed"][1]["ids"] == [old]
    assert report.notes == ["Acme: another company has this name; this one was renamed to Acme (another)"]
    with engine.connect() as connection:
        companies = connection.execute(text("SELECT name, legacy ->> 'id' FROM livedash.company ORDER BY name")).all()
    assert companies == [("Acme", company), ("Acme (another)", "another")]


def test_two_companies_with_one_name_and_csv_do_not_become_one(
    new_node: NewNode, migrate: Migrate, engine: Engine, records: Records
) -> None:
    node = new_node()
    first, second = node.add("Company", id="first"), node.add("Company", id="second")
    ours = records.company("Acme", csv_url="https://chats.acme.example/sessions.csv")
    sessions = {company: node.session(company) for company in (first, second)}

    reports = [migrate(node), migrate(node)]

    assert all(report.is_sound for report in reports)
    with engine.connect() as connection:
        companies = connection.execute(text("SELECT name, legacy ->> 'id' FROM livedash.company ORDER BY name")).all()
        owners = dict(connection.execute(text("SELECT CAST(id AS text), company_id FROM livedash.session")).all())
    assert companies == [("Acme", first), ("Acme (second)", second)]
    assert owners[sessions[first]] == ours
    assert owners[sessions[second]] != ours


@pytest.mark.parametrize("is_ours", [True, False], ids=["of the target", "migrated"])
def test_a_company_added_with_the_name_and_csv_of_another_one_stays_its_own(
    new_node: NewNode, migrate: Migrate, engine: Engine, records: Records, is_ours: bool
) -> None:
    if is_ours:
        records.company("Acme", csv_url="https://chats.acme.example/sessions.csv")
    node = new_node()
    node.add("Company", id="first")
    migrate(node)
    node.execute('UPDATE "Company" SET "createdAt" = now()')
    node.add("Company", id="older", createdAt=datetime(2020, 1, 1))

    for _ in range(2):
        migrate(node)

    with engine.connect() as connection:
        companies = connection.execute(text("SELECT name, legacy ->> 'id' FROM livedash.company ORDER BY name")).all()
    assert companies == [("Acme", "first"), ("Acme (older)", "older")]


def test_a_dry_run_reports_everything_and_keeps_nothing(new_node: NewNode, migrate: Migrate, engine: Engine) -> None:
    node = new_node()
    make_inconsistent(node)

    tried = migrate(node, dry_run=True, chunk_size=25)

    with engine.connect() as connection:
        for name in _COMPARED:
            assert connection.scalar(text(f"SELECT count(*) FROM livedash.{name}")) == 0, name
    assert tried.connections_file is None
    done = migrate(node, chunk_size=25).as_dict()
    assert tried.as_dict() | {"dry_run": False, "connections_file": done["connections_file"], "seconds": 0} == done | {
        "seconds": 0
    }


def test_totals_and_counts_include_migrated_rows(new_node: NewNode, migrate: Migrate, engine: Engine) -> None:
    """Sessions and questions per day, costs per day, failures by reason: each equals its recount."""
    node = new_node()
    make_inconsistent(node)
    migrate(node)

    def rows(query: str) -> list[Any]:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(text(query))]

    with engine.connect() as connection:
        sessions, questions = recount(connection)
        assert ProcessingStatusManager(connection).get_failed_sessions(Scope())
        costs = ledger_store.recount(connection)
    assert {row[:-1]: row[-1] for row in rows("SELECT * FROM livedash.session_day_count")} == sessions
    assert {row[:-1]: row[-1] for row in rows("SELECT * FROM livedash.question_day_count")} == questions
    assert sum(row["requests"] for row in costs) == rows("SELECT sum(requests) FROM livedash.ai_cost_daily")[0][0] == 16

"""How rows get in: new, known, changed, repeated, broken, and from companies that cannot be reached."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import Event
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_core.db import advisory_lock
from livedash_core.operations import erasure
from livedash_core.operations.companies import update_company
from livedash_core.pipeline import BUILT_IN
from livedash_core.stages.csv_import import importer, merge, sql, staging
from livedash_core.stages.execution.runner import Runner
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import CONVERSATION, CSV, Answer, Site, as_csv

IMPORT = "CSV_IMPORT"
MOVED = "/moved.csv"
OTHER_CONVERSATION = "User: Where do I order a new staff pass?\nAssistant: At the front desk.\nUser: Thank you!\n"


@pytest.fixture(autouse=True)
def _company(acme): ...


def read_again(pipeline: Pipeline) -> None:
    """The file is read as if it were a new one, and nothing is written."""
    before = pipeline.everything(but="company_csv")
    with pipeline.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE livedash.company_csv SET sha256 = NULL")
    report = pipeline.run(IMPORT)
    assert (report.claimed, report.unchanged) == (0, [])
    assert pipeline.everything(but="company_csv") == before


# --- what is known already


@pytest.mark.parametrize("end", [b"", b"\n\n"], ids=["the same bytes", "blank lines at its end"])
def test_importing_the_same_rows_again_writes_nothing(site: Site, pipeline: Pipeline, end: bytes):
    site.publish(site.rows(3), also=b"too,short\n")
    pipeline.run(IMPORT)
    version = "company_csv" if end else None
    before = pipeline.everything(but=version)
    site.publish(site.rows(3), also=b"too,short\n" + end)

    report = pipeline.run(IMPORT)

    assert report.claimed == 0
    assert report.unchanged == ([] if end else ["Acme"])
    assert pipeline.everything(but=version) == before


def test_a_session_twice_in_a_file_counts_as_its_last_line(site: Site, pipeline: Pipeline, records: Records):
    first, other = site.row("S1", messages_sent="1"), site.row("S2")
    last = site.row("S1", messages_sent="7")
    site.publish([first, other, last])

    report = pipeline.run(IMPORT)

    assert report.as_dict() | {"seconds": 0} == {
        "claimed": 2, "completed": 2, "failed": 0, "skipped": 0, "released": 0, "seconds": 0,
    }  # fmt: skip
    assert pipeline.query("SELECT messages_sent FROM livedash.session_import ORDER BY external_session_id") == [
        ("7",),
        ("1",),
    ]
    read_again(pipeline)
    records.assert_counts_equal_rows()


def test_a_repetition_across_chunks_counts_as_its_last_line_too(
    site: Site, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(merge, "CHUNK_LINES", 2)
    site.publish([*site.rows(4), site.row("S1", messages_sent="7")])

    assert pipeline.run(IMPORT).completed == 4
    read_again(pipeline)


# --- what changed


@pytest.mark.parametrize(
    "change",
    [
        {"end_time": "02.03.2026 12:09:00"},
        {"messages_sent": "2"},
        {"start_time": "02.03.2026 11:58:00"},
        {"full_transcript_url": "/transcripts/moved.txt"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_conversation_is_processed_again_and_its_results_are_replaced(
    site: Site, pipeline: Pipeline, records: Records, change: dict[str, str]
):
    unchanged = site.row("S2")
    site.publish([site.row("S1"), unchanged])
    pipeline.run_all()
    session, other = pipeline.session("S1"), pipeline.session("S2")
    untouched = pipeline.rows_of(other)
    (asked_before,) = pipeline.query(
        "SELECT raw_text FROM livedash.session_question WHERE session_id = :id", id=session
    )

    if "full_transcript_url" in change:
        site.answers[change["full_transcript_url"]] = Answer(OTHER_CONVERSATION)
        row = site.row("S1", CONVERSATION, full_transcript_url=site.url + change["full_transcript_url"])
    else:
        row = site.row("S1", OTHER_CONVERSATION, **change)
    site.publish([row, unchanged])
    reports = pipeline.run_all()

    assert [(report.claimed, report.completed) for report in reports.values()] == [(1, 1)] * 5
    assert pipeline.query(
        "SELECT position, content FROM livedash.message WHERE session_id = :id ORDER BY 1", id=session
    ) == [
        (1, "Where do I order a new staff pass?"),
        (2, "At the front desk."),
        (3, "Thank you!"),
    ]
    ((category, digest_is_current),) = pipeline.query(
        "SELECT session.category, analysis.result ->> 'category' = session.category FROM livedash.session"
        " JOIN livedash.session_analysis AS analysis ON analysis.id = session.analysis_id WHERE session.id = :id",
        id=session,
    )
    assert (category, digest_is_current) == ("WORKWEAR_STAFF_PASS", True)
    (asked,) = pipeline.query("SELECT raw_text FROM livedash.session_question WHERE session_id = :id", id=session)
    assert asked != asked_before
    ((started_at, ended_at),) = pipeline.query(
        "SELECT to_char(started_at AT TIME ZONE 'UTC', 'HH24:MI'), to_char(ended_at AT TIME ZONE 'UTC', 'HH24:MI')"
        " FROM livedash.session WHERE id = :id",
        id=session,
    )
    assert started_at == change.get("start_time", "02.03.2026 12:00:00")[11:16]
    assert ended_at == change.get("end_time", "02.03.2026 12:05:00")[11:16]
    assert pipeline.rows_of(other) == untouched
    records.assert_counts_equal_rows()


@pytest.mark.parametrize("loss", ["empty", "no user message"])
def test_a_session_whose_transcript_is_gone_keeps_no_messages_or_analysis(site: Site, pipeline: Pipeline, loss: str):
    site.publish(site.rows(1))
    pipeline.run_all()
    session = pipeline.session("S1")
    assert pipeline.query("SELECT analysis_id IS NULL FROM livedash.session") == [(False,)]

    site.publish(
        [
            {
                "empty": lambda: site.row("S1", " \n", messages_sent="0"),
                "no user message": lambda: site.row("S1", "Assistant: Hello?\n", messages_sent="0"),
            }[loss]()
        ]
    )
    pipeline.run_all()

    for table in ("session_transcript", "message"):
        ((number,),) = pipeline.query(f"SELECT count(*) FROM livedash.{table}")
        assert number == (1 if loss == "no user message" else 0), table
    assert pipeline.query(
        "SELECT analysis_id, sentiment, escalated, forwarded_hr, category, summary, analyzer, analyzed_at, language"
        " FROM livedash.session WHERE id = :id",
        id=session,
    ) == [(None,) * 8 + ("en",)]
    assert pipeline.query("SELECT * FROM livedash.session_question") == []
    assert pipeline.statuses("QUESTION_EXTRACTION") == {"SKIPPED": 1}


def test_a_changed_label_changes_the_raw_row_and_no_more(site: Site, pipeline: Pipeline):
    site.publish(site.rows(2))
    pipeline.run_all()
    session, before = pipeline.session("S1"), pipeline.everything()

    site.publish([site.row("S1", category="holidays", sentiment="negative"), site.row("S2")])
    reports = pipeline.run_all()

    assert [report.claimed for report in reports.values()] == [0] * 5
    after = pipeline.everything()
    assert [table for table in before if before[table] != after[table]] == ["company_csv", "session_import"]
    assert len({tuple(row) for row in after["session_import"]} & {tuple(row) for row in before["session_import"]}) == 1
    assert pipeline.query(
        "SELECT category, sentiment, changed_at > imported_at FROM livedash.session_import WHERE id = :id", id=session
    ) == [("holidays", "negative", True)]


def test_a_corrected_date_is_processed_with_the_next_import(site: Site, pipeline: Pipeline, records: Records):
    site.publish([site.row("S1", start_time="31.02.2026 12:00:00"), site.row("S2")])
    report = pipeline.run(IMPORT)
    session = pipeline.session("S1")
    assert (report.claimed, report.completed, report.failed) == (2, 1, 1)
    records.assert_stage(session, IMPORT, "FAILED")

    site.publish(site.rows(2))
    reports = pipeline.run_all()

    assert (reports[IMPORT].claimed, reports[IMPORT].completed) == (1, 1)
    for stage in BUILT_IN.names:
        records.assert_stage(session, stage, "COMPLETED")
    records.assert_counts_equal_rows()


# --- lines that cannot be taken


def test_rejected_lines_are_kept_once_with_number_and_reason(site: Site, pipeline: Pipeline):
    broken = b"S3,cut off\n" + as_csv([["", *site.row("S4")[1:]]]) + b"S3,cut off\n"
    site.publish(site.rows(2), also=broken)

    pipeline.run(IMPORT)
    read_again(pipeline)

    assert pipeline.query("SELECT line_number, reason FROM livedash.import_rejection ORDER BY 1") == [
        (3, "2 instead of 16 columns"),
        (4, "has no external_session_id"),
    ]
    assert pipeline.statuses(IMPORT) == {"COMPLETED": 2}


ANOTHER_LAYOUT = "".join(f"S{number},2026-03-02,Anna,hello\n" for number in range(150))


@pytest.mark.parametrize(
    ("body", "says", "kept"),
    [
        (
            "one\ntwo\n",
            "2 of 2 lines of its CSV cannot be taken, so nothing was; the first is line 1: 1 instead of 16",
            2,
        ),
        ("<!doctype html><title>Sign in</title>", "1 of 1 lines", 1),
        ("S1" + "," * 15 + "\n" + ANOTHER_LAYOUT, "150 of 151 lines", 100),
    ],
    ids=["no row at all", "a login page", "another layout"],
)
def test_a_file_in_another_layout_is_refused_whole(site: Site, pipeline: Pipeline, body: str, says: str, kept: int):
    site.answers[CSV] = Answer(body)

    report = pipeline.run(IMPORT)

    (incident,) = pipeline.incidents()
    assert (report.claimed, incident.message) == (0, str(report.incidents[0]))
    assert incident.message.startswith(f"Acme: {says}")
    assert pipeline.query("SELECT count(*) FROM livedash.session_import") == [(0,)]
    assert pipeline.query("SELECT count(*) FROM livedash.import_rejection") == [(kept,)]


def test_a_bad_minority_is_rejected_and_the_rest_taken(site: Site, pipeline: Pipeline):
    site.publish(site.rows(30), also=b"".join(b"broken %d\n" % number for number in range(30)))

    assert (pipeline.run(IMPORT).completed, pipeline.incidents()) == (30, [])


@pytest.mark.parametrize(
    ("limit", "says"),
    [({"csv_max_lines": 4}, "more than 4 lines"), ({"csv_max_mib": 1}, "larger than 1,048,576 bytes")],
)
def test_a_file_beyond_the_limits_is_refused_whole(site: Site, engine: Engine, limit: dict[str, int], says: str):
    pipeline = Pipeline(engine, **limit)
    site.publish([*site.rows(4), site.row("S5", initial_message="x" * 1_048_576)])

    report = pipeline.run(IMPORT)

    assert (report.claimed, len(report.incidents)) == (0, 1)
    assert says in pipeline.incidents()[0].message
    assert pipeline.statuses(IMPORT) == {}


def test_a_file_of_nothing_but_rejections_is_not_read_to_its_end(site: Site, pipeline: Pipeline, monkeypatch):
    monkeypatch.setattr(staging, "MAX_REJECTIONS", 1000)
    site.publish(site.rows(1500), also=b"".join(b"broken %d\n" % n for n in range(1400)))

    pipeline.run(IMPORT)

    assert "more than 1,000 lines of its CSV cannot be taken" in pipeline.incidents()[0].message
    assert pipeline.query("SELECT count(*) FROM livedash.session_import") == [(0,)]


# --- what has not changed at its source


def test_a_csv_that_has_not_changed_is_not_fetched_again_and_nothing_is_written(
    site: Site, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
):
    site.publish(site.rows(3), also=b"too,short\n")
    published = site.answers[CSV]
    site.answers[CSV] = published._replace(headers=(("ETag", '"v1"'),))
    site.not_modified[CSV] = '"v1"'
    pipeline.run(IMPORT)
    assert pipeline.query("SELECT etag, reading ->> 'encoding', lines, rejected_lines FROM livedash.company_csv") == [
        ('"v1"', "utf-8", 4, 1)
    ]
    before = pipeline.everything()

    with caplog.at_level("INFO"):
        report = pipeline.run(IMPORT)

    assert site.conditional[CSV] == ["", '"v1"']
    assert (report.claimed, report.incidents, report.unchanged) == (0, [], ["Acme"])
    assert "Acme: the CSV has not changed since it was last imported; nothing to do" in caplog.messages
    assert pipeline.everything() == before


def test_a_file_is_known_by_its_content_where_the_server_tells_no_versions(site: Site, pipeline: Pipeline):
    site.publish(site.rows(3))
    pipeline.run(IMPORT)
    before = pipeline.everything()

    assert pipeline.run(IMPORT).unchanged == ["Acme"]
    assert pipeline.everything() == before

    site.answers[CSV] = site.answers[CSV]._replace(headers=(("ETag", '"v2"'),))
    site.not_modified[CSV] = '"v2"'
    assert pipeline.run(IMPORT).unchanged == ["Acme"]
    assert pipeline.run(IMPORT).unchanged == ["Acme"]
    assert site.conditional[CSV] == ["", "", "", '"v2"']


def test_a_version_that_was_partly_replaced_is_read_again_when_it_returns(
    site: Site, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(merge, "CHUNK_LINES", 2)
    first = site.rows(5)
    site.publish(first)
    pipeline.run(IMPORT)
    site.publish([site.row(f"S{position}", messages_sent="9") for position in range(1, 6)])
    runner: Runner = pipeline.runner(IMPORT, on_progress=lambda _report: runner.stop())
    runner.run()
    sent = "SELECT count(*) FROM livedash.session_import WHERE messages_sent = '9'"
    assert pipeline.query(sent) != [(0,)]

    site.publish(first)
    assert pipeline.run(IMPORT).unchanged == []

    assert pipeline.query(sent) == [(0,)]


@pytest.mark.parametrize("change", ["cut short", "refused", "moved", "told to"])
def test_a_version_is_stored_only_when_all_of_it_was_imported_from_the_present_url(
    site: Site, pipeline: Pipeline, engine: Engine, monkeypatch: pytest.MonkeyPatch, change: str
):
    monkeypatch.setattr(merge, "CHUNK_LINES", 2)
    monkeypatch.setattr(importer, "PARTITIONS", 1)
    site.publish(site.rows(5))
    version = (("ETag", '"v1"'),)
    site.answers[CSV] = site.answers[CSV]._replace(headers=version)
    site.not_modified[CSV] = '"v1"'
    if change == "cut short":
        runner: Runner = pipeline.runner(IMPORT, on_progress=lambda _report: runner.stop())
        assert runner.run().completed == 2
    elif change == "refused":
        good = site.answers[CSV]
        site.answers[CSV] = Answer("rubbish", headers=version)
        pipeline.run(IMPORT)
        site.answers[CSV] = good
    else:
        pipeline.run(IMPORT)
        with engine.begin() as connection:
            if change == "moved":
                connection.exec_driver_sql("UPDATE livedash.company SET csv_url = %s", (site.url + MOVED,))
            else:
                update_company(connection, "Acme", {})
        site.answers[MOVED], site.not_modified[MOVED] = site.answers[CSV], '"v1"'
    pipeline.run(IMPORT)

    assert site.conditional[CSV] + site.conditional.get(MOVED, []) == ["", ""]
    assert pipeline.statuses(IMPORT) == {"COMPLETED": 5}


def test_rows_are_compared_one_by_one_whatever_the_planner_believes_of_their_table(
    site: Site, pipeline: Pipeline, connection: Connection
):
    """A table that was small when it was analysed: the planner would read all of it for every chunk."""
    connection.execute(
        text(
            """
            INSERT INTO livedash.session_import (id, company_id, external_session_id)
            SELECT gen_random_uuid(), company.id, number FROM livedash.company, generate_series(1, 30000) AS number
            """
        )
    )
    connection.execute(text(sql.CREATE_STAGING))
    connection.execute(
        text("INSERT INTO pg_temp.incoming (line_number) SELECT number FROM generate_series(1, 10000) AS number")
    )
    connection.execute(text(sql.INDEX_STAGING))
    chunk = {"first": 1, "end": 5001, "company_id": connection.scalar(text("SELECT id FROM livedash.company"))}
    plan = "\n".join(connection.execute(text(f"EXPLAIN {sql.UPDATE_CHANGED}"), chunk).scalars())

    assert "Hash Join" not in plan
    assert "Seq Scan on session_import" not in plan


# --- side by side


@pytest.mark.parametrize("partitions", [1, 2, 5])
def test_a_file_is_imported_alike_with_any_number_of_connections(
    site: Site, pipeline: Pipeline, records: Records, monkeypatch: pytest.MonkeyPatch, partitions: int
):
    monkeypatch.setattr(importer, "PARTITIONS", partitions)
    monkeypatch.setattr(merge, "CHUNK_LINES", 4)
    known = site.rows(12)
    site.publish(known)
    pipeline.run(IMPORT)
    again = site.row("S1", tokens="1"), site.row("S1", tokens="2")
    never = site.row("S99", start_time="never")
    site.publish([*known[2:], *again, site.row("S2", messages_sent="7"), site.row("S50"), never], also=b"too,short\n")

    assert pipeline.run(IMPORT).failed == 1

    raw = "SELECT external_session_id, tokens, messages_sent, CAST(notes AS text) FROM livedash.session_import"
    assert set(pipeline.query(f"{raw} WHERE external_session_id IN ('S1', 'S2', 'S3', 'S50')")) == {
        ("S1", "2", "1", '{"earlier_lines": 1}'),
        ("S2", "700", "7", None),
        ("S3", "700", "1", None),
        ("S50", "700", "1", None),
    }
    assert pipeline.statuses(IMPORT) == {"COMPLETED": 13, "FAILED": 1}
    assert pipeline.query("SELECT line_number FROM livedash.import_rejection") == [(16,)]
    records.assert_counts_equal_rows()


def test_a_company_is_imported_by_one_run_at_a_time(
    site: Site, pipeline: Pipeline, acme: UUID, caplog: pytest.LogCaptureFixture
):
    site.publish(site.rows(3))
    with advisory_lock(pipeline.engine, f"livedash import {acme}"), caplog.at_level("INFO"):
        assert pipeline.run(IMPORT).claimed == 0
    assert "Acme: its CSV is being imported by another run; nothing to do here" in caplog.messages
    assert site.asked == []

    assert pipeline.run(IMPORT).completed == 3


def test_no_staged_row_is_left_on_a_connection(site: Site, pipeline: Pipeline):
    site.publish(site.rows(3))
    pipeline.run(IMPORT)

    assert pipeline.query("SELECT relname FROM pg_class WHERE relname IN ('incoming', 'new_session')") == []


def test_an_import_and_an_erasure_that_wait_for_each_other_both_come_to_their_end(
    site: Site, pipeline: Pipeline, acme: UUID, monkeypatch: pytest.MonkeyPatch
):
    """The one locks a session's row and then its stages, the other the other way round."""
    site.publish(site.rows(3))
    pipeline.run_all()
    site.publish([site.row(f"S{position}", messages_sent="9") for position in (1, 2, 3)])
    stages_are_locked, rows_are_locked = Event(), Event()
    forget, reopen = ProcessingStatusManager.erase, ProcessingStatusManager.reopen

    def forget_slowly(*arguments: Any) -> None:
        forget(*arguments)
        stages_are_locked.set()
        rows_are_locked.wait(30)

    def reopen_once_rows_are_locked(*arguments: Any) -> list[Any]:
        rows_are_locked.set()
        return reopen(*arguments)

    monkeypatch.setattr(ProcessingStatusManager, "erase", forget_slowly)
    monkeypatch.setattr(ProcessingStatusManager, "reopen", reopen_once_rows_are_locked)
    with ThreadPoolExecutor() as threads:
        erased = threads.submit(erasure.erase_company, pipeline.engine, acme, None, BUILT_IN)
        assert stages_are_locked.wait(30)
        imported = threads.submit(pipeline.run, IMPORT)

        assert erased.result().sessions == 3
        assert imported.result().incidents == []


# --- rows that are taken with a note


@pytest.mark.parametrize(
    ("change", "notes"),
    [
        ({"initial_message": "a\0b\0"}, {"nul_characters": 2}),
        ({"start_time": "25.10.2026 02:30:00", "end_time": "25.10.2026 03:30:00"}, {"ambiguous": ["start_time"]}),
        ({"end_time": "02.03.9000 12:00:00"}, {"in_future": ["end_time"]}),
        ({}, None),
    ],
    ids=["NUL", "clocks went back", "in the future", "nothing"],
)
def test_what_is_odd_about_a_row_is_noted(
    site: Site, pipeline: Pipeline, records: Records, change: dict[str, str], notes: dict[str, Any] | None
):
    with records.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE livedash.company SET timezone = 'Europe/Amsterdam'")
    site.publish([site.row("S1", **change)])
    pipeline.run(IMPORT)
    session = pipeline.session("S1")
    assert records.row(session, IMPORT).metadata == notes

    site.publish([site.row("S1", messages_sent="2", **change)])
    pipeline.run(IMPORT)
    assert records.row(session, IMPORT).metadata == notes
    records.assert_stage(session, IMPORT, "COMPLETED")


def test_a_session_with_several_lines_in_a_file_has_a_note(site: Site, pipeline: Pipeline, records: Records):
    site.publish([site.row("S1", tokens="1"), site.row("S1", tokens="2"), site.row("S2"), site.row("S1", tokens="3")])
    pipeline.run(IMPORT)
    assert records.row(pipeline.session("S1"), IMPORT).metadata == {"earlier_lines": 2}
    assert records.row(pipeline.session("S2"), IMPORT).metadata is None


# --- cut short


@pytest.mark.parametrize("how", ["stopped", "killed"])
def test_an_import_that_was_interrupted_between_chunks_continues(
    site: Site, pipeline: Pipeline, records: Records, monkeypatch: pytest.MonkeyPatch, how: str
):
    monkeypatch.setattr(merge, "CHUNK_LINES", 4)
    monkeypatch.setattr(importer, "PARTITIONS", 1)
    site.publish(site.rows(10))

    def end(_report: object) -> None:
        if how == "killed":
            raise KeyboardInterrupt
        runner.stop()

    runner: Runner = pipeline.runner(IMPORT, on_progress=end)
    if how == "killed":
        with pytest.raises(KeyboardInterrupt):
            runner.run()
    else:
        assert runner.run().completed == 4
    assert pipeline.statuses(IMPORT) == {"COMPLETED": 4}
    first = pipeline.query("SELECT CAST(xmin AS text), id FROM livedash.session_import")

    assert pipeline.run(IMPORT).completed == 6

    assert pipeline.statuses(IMPORT) == {"COMPLETED": 10}
    assert set(first) <= set(pipeline.query("SELECT CAST(xmin AS text), id FROM livedash.session_import"))
    records.assert_counts_equal_rows()


def test_a_limit_below_what_an_import_brings_is_no_error(site: Site, pipeline: Pipeline):
    site.publish([*site.rows(5), site.row("S6", start_time="never")])

    report = pipeline.run(IMPORT, limit=2)

    assert (report.claimed, report.completed) == (5, 5), "a file is taken whole; nothing is claimed on top of it"


# --- companies that cannot be reached


def closed_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return taken.getsockname()[1]


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (None, "cannot be connected to"),
        (Answer(status=HTTPStatus.UNAUTHORIZED), "answered 401, and no credentials are configured"),
        (Answer(status=HTTPStatus.NOT_FOUND), "does not exist there"),
        (Answer(status=HTTPStatus.SERVICE_UNAVAILABLE), "answered 503"),
        (Answer(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + bytes(range(256))), ""),
    ],
    ids=["refused", "401", "404", "503", "no text"],
)
def test_an_unreachable_company_has_an_incident_until_it_works_again(
    new_site, add_company, site: Site, pipeline: Pipeline, records: Records, answer: Answer | None, message: str
):
    site.publish(site.rows(2))
    broken = new_site()
    # Acme is imported first, Zenith last: the broken one stands between them.
    company = add_company("Broken", broken.csv_url if answer else f"http://127.0.0.1:{closed_port()}/sessions.csv")
    broken.answers[CSV] = answer or Answer()
    working = new_site()
    working.publish(working.rows(3))
    add_company("Zenith", working.csv_url)

    report = pipeline.run(IMPORT)

    assert (report.completed, [incident.company_id for incident in report.incidents]) == (5, [company])
    (incident,) = pipeline.incidents()
    assert (incident.stage, incident.company) == (IMPORT, "Broken")
    assert message in incident.message

    broken.publish(broken.rows(1))
    with records.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE livedash.company SET csv_url = %s WHERE name = 'Broken'", (broken.csv_url,))
    assert pipeline.run(IMPORT).completed == 1
    assert pipeline.incidents() == []


def test_rows_of_an_unreachable_company_are_processed_and_its_incident_stays(
    site: Site, pipeline: Pipeline, records: Records
):
    site.publish([site.row("S1", start_time="31.02.2026 12:00:00")])
    pipeline.run(IMPORT)
    with records.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE livedash.session_import SET start_time = '02.03.2026 12:00:00'")
        connection.exec_driver_sql(
            "UPDATE livedash.session_processing_status SET status = 'PENDING', completed_at = NULL"
            " WHERE stage = 'CSV_IMPORT'"
        )
    del site.answers[CSV]

    report = pipeline.run(IMPORT)

    assert (report.completed, len(report.incidents)) == (1, 1)
    assert [incident.company for incident in pipeline.incidents()] == ["Acme"]


def test_a_company_whose_settings_are_broken_stops_no_other(site: Site, new_site, add_company, pipeline: Pipeline):
    site.publish(site.rows(2))
    lost = new_site()
    lost.publish(lost.rows(1))
    add_company("Aardvark", lost.csv_url, timezone="Europe/Atlantis")

    report = pipeline.run(IMPORT)

    assert report.completed == 2
    (incident,) = pipeline.incidents()
    assert incident.company == "Aardvark"


def test_the_csv_of_a_suspended_company_is_not_fetched(new_site, add_company, pipeline: Pipeline, site: Site):
    site.publish([])
    suspended = new_site()
    add_company("Gone", suspended.csv_url, status="SUSPENDED")

    pipeline.run(IMPORT)

    assert suspended.asked == []

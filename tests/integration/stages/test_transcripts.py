"""TRANSCRIPT_FETCH against real servers that refuse, that are busy, and that are fine."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import Engine

from livedash_core.clients.origins import FAILURES_BEFORE_OPEN
from livedash_core.operations.companies import update_company
from livedash_core.status import ProcessingStatusManager, Scope
from tests.integration.records import Records
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import CSV, Answer, Site

FETCH = "TRANSCRIPT_FETCH"
AT_ONCE = 4


def test_refused_credentials_stop_one_company_after_the_first_few_and_cost_no_attempt(
    site: Site, acme, new_site, add_company, engine: Engine, records: Records
):
    # Most of those under way only wait for their turn: they must not send what was refused.
    pipeline = Pipeline(engine, fetch_concurrency=4 * AT_ONCE, fetch_per_origin=AT_ONCE)
    site.publish(site.rows(30))
    other = new_site()
    other.publish(other.rows(20))
    theirs = add_company("Zenith", other.csv_url)
    pipeline.run("CSV_IMPORT")
    fine = dict(site.answers)
    site.answers.update({path: Answer(status=HTTPStatus.UNAUTHORIZED) for path in fine if path != CSV})
    site.asked.clear()

    report = pipeline.run(FETCH)

    assert 1 <= len(site.asked) <= AT_ONCE
    assert (report.completed, report.failed) == (20, 0)
    assert report.claimed == report.completed + report.released
    assert [incident.company_id for incident in report.incidents] == [acme]
    assert pipeline.query(
        "SELECT company_id, status, attempts, count(*) FROM livedash.session_processing_status WHERE stage = :stage"
        " GROUP BY 1, 2, 3 ORDER BY 2",
        stage=FETCH,
    ) == [(theirs, "COMPLETED", 1, 20), (acme, "PENDING", 0, 30)]
    (incident,) = pipeline.incidents()
    assert (incident.stage, incident.company) == (FETCH, "Acme")
    assert "answered 401, and no credentials are configured" in incident.message
    assert pipeline.leases() == 0

    site.answers.update(fine)
    assert pipeline.run(FETCH).completed == 30
    assert pipeline.incidents() == []
    records.assert_counts_equal_rows()


def test_retry_after_of_a_server_is_respected(site: Site, acme, pipeline: Pipeline, records: Records):
    site.publish(site.rows(1))
    pipeline.run("CSV_IMPORT")
    session = pipeline.session("S1")
    site.answers["/transcripts/S1.txt"] = Answer(
        status=HTTPStatus.SERVICE_UNAVAILABLE, headers=(("Retry-After", "1800"),)
    )

    report = pipeline.run(FETCH)

    assert (report.claimed, report.failed) == (1, 1)
    row, (failure,) = records.row(session, FETCH), records.failures(session)
    assert (row.status, row.error_kind, row.attempts) == ("PENDING", "transient", 1)
    assert (row.available_at - failure.failed_at).total_seconds() == 1800
    assert pipeline.run(FETCH).claimed == 0

    site.rows(1)
    records.backoff_is_over()
    assert pipeline.run(FETCH).completed == 1
    assert records.row(session, FETCH).attempts == 2


@pytest.mark.parametrize("how", ["answers 503", "is gone"])
def test_an_unreachable_server_costs_a_few_attempts_and_the_rest_is_released(
    site: Site, acme, new_site, add_company, engine: Engine, records: Records, how: str
):
    pipeline = Pipeline(engine, fetch_concurrency=AT_ONCE)
    files = new_site()
    with records.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE livedash.company SET allowed_origins = %s", ([files.url],))
    here, there = site.rows(20), [files.row(f"T{number}") for number in range(300)]
    site.publish([*here, *there])
    other = new_site()
    other.publish(other.rows(5))
    add_company("Zenith", other.csv_url)
    pipeline.run("CSV_IMPORT")
    fine = dict(files.answers)
    files.answers = dict.fromkeys(fine, Answer(status=HTTPStatus.SERVICE_UNAVAILABLE))
    if how == "is gone":
        files.close()

    report = pipeline.run(FETCH)

    assert (report.completed, report.claimed) == (25, 325)
    assert report.failed == FAILURES_BEFORE_OPEN - 1
    assert report.released == 300 - report.failed
    assert len(files.asked) < AT_ONCE + FAILURES_BEFORE_OPEN
    assert pipeline.query(
        "SELECT attempts, status, count(*), bool_and(available_at > now()) FROM livedash.session_processing_status"
        " WHERE stage = :stage AND status <> 'COMPLETED' GROUP BY 1, 2 ORDER BY 1",
        stage=FETCH,
    ) == [(0, "PENDING", report.released, True), (1, "PENDING", report.failed, True)]
    (incident,) = pipeline.incidents()
    assert (incident.stage, incident.company) == (FETCH, "Acme")
    assert f"{files.url} failed 3 times in a row and is left alone until" in incident.message
    assert [error.company_id for error in report.incidents] == [acme]
    assert pipeline.run(FETCH).claimed == 0, "it is left alone"
    records.assert_counts_equal_rows()
    if how == "answers 503":
        files.answers = fine
        records.backoff_is_over()
        assert pipeline.run(FETCH).completed == 300
        assert pipeline.incidents() == []


@pytest.mark.parametrize(
    ("body", "headers", "status", "says"),
    [
        (b"<!doctype html><title>Sign in</title>\nUser: you", (), "FAILED", "HTML or XML page"),
        (b'{"messages": []}', (("Content-Type", "application/json"),), "FAILED", "is JSON"),
        (b"Dear all,\nsee you", (), "FAILED", "its first line is 'Dear all,'"),
        (b"User: " + b"x" * 10_000_000, (), "FAILED", "larger than 2,097,152 bytes"),
        (b"\xff\xfeU\0s", (), "FAILED", "is broken UTF-16"),
        (b" \r\n", (), "SKIPPED", "the transcript is empty"),
    ],
    ids=["HTML", "JSON", "no speaker", "10 MB", "no text", "blank"],
)
def test_content_that_is_no_transcript_fails_when_it_is_fetched(
    site: Site, acme, pipeline: Pipeline, records: Records, body: bytes, headers, status: str, says: str
):
    site.publish(site.rows(1))
    site.answers["/transcripts/S1.txt"] = Answer(body, headers=headers)
    pipeline.run("CSV_IMPORT")
    pipeline.run(FETCH)
    row = records.row(pipeline.session("S1"), FETCH)
    assert row.status == status
    if status == "FAILED":
        assert row.error_kind == "permanent"
    assert says in (row.error_message or row.metadata["reason"])


def test_a_skipped_session_has_the_notes_of_unreadable_cells_too(
    site: Site, acme, pipeline: Pipeline, records: Records
):
    site.publish([site.row("S1", tokens="many"), site.row("S2", tokens="many")])
    site.answers["/transcripts/S1.txt"] = Answer(b"\0 \0")
    site.answers["/transcripts/S2.txt"] = Answer(b"User:\r\n[31.02.2026 12:00:00] Assistant:")
    for stage in ("CSV_IMPORT", FETCH, "SESSION_CREATION"):
        pipeline.run(stage)
    blank, wordless = pipeline.session("S1"), pipeline.session("S2")
    assert records.row(blank, FETCH).metadata == {"reason": "the transcript is empty", "nul_characters": 2}
    assert records.row(blank, "SESSION_CREATION").metadata == {
        "reason": "there is no transcript",
        "unread_cells": ["tokens"],
    }
    assert records.row(wordless, "SESSION_CREATION").metadata == {
        "reason": "the transcript has no messages",
        "times_unreadable": 1,
        "unread_cells": ["tokens"],
    }


def test_repaired_text_and_unreadable_cells_are_noted_in_the_metadata(
    site: Site, acme, pipeline: Pipeline, records: Records
):
    site.publish([site.row("S1", tokens="\u0663", avg_response_time_seconds="nan")])
    text = (
        "\u200fUser: Z\u00fcrich, K\u00f6ln\0\r\n[02.03.2026 12:05:00] Assistant: b\r\n[02.03.2026 12:01:00] User: c Z"
    )
    site.answers["/transcripts/S1.txt"] = Answer(text.encode() + b"\xc3")
    pipeline.run_all()
    session = pipeline.session("S1")
    assert records.row(session, FETCH).metadata == {
        "characters": 89,
        "encoding": "utf-8",
        "characters_replaced": 1,
        "nul_characters": 1,
    }
    assert records.row(session, "SESSION_CREATION").metadata == {
        "messages": 3,
        "times_out_of_order": 1,
        "unread_cells": ["avg_response_time_seconds", "tokens"],
    }
    assert pipeline.query("SELECT content FROM livedash.message ORDER BY position") == [
        ("Zürich, Köln",),
        ("b",),
        ("c Z\ufffd",),
    ]


def test_speakers_are_unknown_until_the_company_names_them(site: Site, acme, pipeline: Pipeline, records: Records):
    site.publish([site.row("S1", messages_sent="2")])
    site.answers["/transcripts/S1.txt"] = Answer(b"Jan: Can I take leave?\nLisa: Yes, you can.")
    for stage in ("CSV_IMPORT", FETCH, "SESSION_CREATION"):
        pipeline.run(stage)
    session = pipeline.session("S1")
    row = records.row(session, "SESSION_CREATION")
    assert (row.status, row.error_kind) == ("FAILED", "permanent")
    assert "'Jan: Can I take leave?'" in row.error_message
    assert pipeline.query("SELECT count(*) FROM livedash.message") == [(0,)]

    with pipeline.engine.begin() as connection:
        update_company(connection, "Acme", {"speaker_roles": ["Jan=User", "Lisa=Assistant"]})
        ProcessingStatusManager(connection).reset_failed(Scope(stages=("SESSION_CREATION",)))
    pipeline.run("SESSION_CREATION")
    assert pipeline.query("SELECT role, content FROM livedash.message ORDER BY position") == [
        ("User", "Can I take leave?"),
        ("Assistant", "Yes, you can."),
    ]


def test_a_session_whose_row_counts_other_messages_is_marked(site: Site, acme, pipeline: Pipeline, records: Records):
    site.publish([site.row("S1", messages_sent="6")])
    site.answers["/transcripts/S1.txt"] = Answer(b'[{"role": "user", "content": "hi"}]')
    for stage in ("CSV_IMPORT", FETCH, "SESSION_CREATION"):
        pipeline.run(stage)
    row = records.row(pipeline.session("S1"), "SESSION_CREATION")
    assert row.status == "COMPLETED"
    assert row.metadata == {"messages": 1, "message_count_differs": 6, "format": "json"}

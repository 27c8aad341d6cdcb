"""The sample company through all five stages: everything adds up, and every oddity ends where it should."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from sqlalchemy import Engine

from livedash_core.local import sample
from livedash_core.local.sample_source import SampleSource
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import read_breakdown
from tests.integration.stages.stage_runs import SOURCE_CREDENTIALS, Pipeline


@pytest.fixture
def source() -> Iterator[SampleSource]:
    with SampleSource(SOURCE_CREDENTIALS.username, SOURCE_CREDENTIALS.password, until=date(2026, 3, 2)) as source:
        yield source


def test_the_whole_sample_ends_as_it_should(
    records, add_company, source: SampleSource, pipeline: Pipeline, engine: Engine
):
    add_company(sample.COMPANY_NAME, source.csv_url, http_conn_id="sample", timezone=sample.TIMEZONE)

    reports = pipeline.run_all()

    shown = ("claimed", "completed", "failed", "skipped", "released")
    assert {stage: tuple(map(report.as_dict().get, shown)) for stage, report in reports.items()} == {
        "CSV_IMPORT": (109, 108, 1, 0, 0),
        "TRANSCRIPT_FETCH": (108, 105, 1, 2, 0),
        "SESSION_CREATION": (107, 105, 0, 2, 0),
        "AI_ANALYSIS": (107, 104, 0, 3, 0),
        "QUESTION_EXTRACTION": (107, 104, 0, 3, 0),
    }
    assert not any(report.incidents for report in reports.values())
    assert pipeline.leases() == 0
    records.assert_counts_equal_rows()
    with engine.connect() as connection:
        breakdown = read_breakdown(connection, BUILT_IN)
    assert breakdown.total_sessions == sample.SESSIONS
    assert [breakdown.ready(stage) for stage in BUILT_IN.names] == [0] * 5
    assert [breakdown.waiting(stage) for stage in BUILT_IN.names] == [0, 1, 2, 2, 2]

    assert_each_irregular_session_has_its_status(records, pipeline)
    assert_everything_is_stored(pipeline)

    before = pipeline.everything()
    again = pipeline.run_all()
    assert [report.claimed for report in again.values()] == [0] * 5
    assert pipeline.everything() == before, "a second pass has nothing to do and writes nothing"


def assert_each_irregular_session_has_its_status(records, pipeline: Pipeline) -> None:
    impossible = records.row(pipeline.session(sample.IMPOSSIBLE_DATE_ID), "CSV_IMPORT")
    assert (impossible.status, impossible.error_kind) == ("FAILED", "permanent")
    assert "31.02.2026" in impossible.error_message
    assert "is not a date" in impossible.error_message

    not_found = records.row(pipeline.session(sample.NOT_FOUND_ID), "TRANSCRIPT_FETCH")
    assert (not_found.status, not_found.error_kind) == ("FAILED", "permanent")
    assert "does not exist there" in not_found.error_message

    for external_id, stage, reason in (
        (sample.EMPTY_TRANSCRIPT_ID, "TRANSCRIPT_FETCH", "the transcript is empty"),
        (sample.EMPTY_TRANSCRIPT_ID, "SESSION_CREATION", "there is no transcript"),
        (sample.EMPTY_TRANSCRIPT_ID, "AI_ANALYSIS", "there are no messages"),
        (sample.EMPTY_TRANSCRIPT_ID, "QUESTION_EXTRACTION", "there is no analysis"),
        (sample.NO_URL_ID, "TRANSCRIPT_FETCH", "the CSV row has no transcript URL"),
        (sample.NO_URL_ID, "QUESTION_EXTRACTION", "there is no analysis"),
        (sample.BOT_ONLY_ID, "AI_ANALYSIS", "the user said nothing"),
        (sample.BOT_ONLY_ID, "QUESTION_EXTRACTION", "there is no analysis"),
    ):
        row = records.row(pipeline.session(external_id), stage)
        assert (row.status, row.metadata) == ("SKIPPED", {"reason": reason}), (external_id, stage)
    records.assert_stage(pipeline.session(sample.BOT_ONLY_ID), "SESSION_CREATION", "COMPLETED")

    ((line_number, raw_text, reason),) = pipeline.query(
        "SELECT line_number, raw_text, reason FROM livedash.import_rejection"
    )
    assert raw_text.startswith(f"LV-{sample.SESSIONS + 1:04},")
    assert reason == "5 instead of 16 columns"
    # Quoted fields may span lines: the broken one is at least where it would be without them.
    assert line_number > sample.BROKEN_LINE_AFTER


def assert_everything_is_stored(pipeline: Pipeline) -> None:
    ((sessions, analysed),) = pipeline.query("SELECT count(*), count(analysis_id) FROM livedash.session")
    assert (sessions, analysed) == (107, 104)
    ((incomplete,),) = pipeline.query(
        "SELECT count(*) FROM livedash.session WHERE analysis_id IS NOT NULL AND (language, sentiment, category,"
        " summary, escalated, forwarded_hr, analyzer, prompt_version, analyzed_at) IS NOT NULL IS NOT TRUE"
    )
    assert incomplete == 0
    assert pipeline.query("SELECT DISTINCT analyzer, model FROM livedash.session_analysis") == [("offline", None)]
    # Positions count from one without a gap, and times never decrease.
    assert not pipeline.query(
        "SELECT FROM (SELECT position, row_number() OVER w AS expected, sent_at, lag(sent_at) OVER w AS earlier"
        " FROM livedash.message WINDOW w AS (PARTITION BY session_id ORDER BY position)) AS turns"
        " WHERE position <> expected OR sent_at < earlier"
    )
    ((with_messages,),) = pipeline.query("SELECT count(DISTINCT session_id) FROM livedash.message")
    assert with_messages == 105
    # What the status row counted is what is there.
    ((counted,),) = pipeline.query(
        "SELECT sum(CAST(metadata ->> 'questions' AS int)) FROM livedash.session_processing_status"
        " WHERE stage = 'QUESTION_EXTRACTION'"
    )
    ((links, distinct),) = pipeline.query("SELECT count(*), count(DISTINCT question_id) FROM livedash.session_question")
    ((questions,),) = pipeline.query("SELECT count(*) FROM livedash.question")
    assert counted == links >= distinct == questions > 50

"""Transcripts that come late, change their address or lose it."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from sqlalchemy import Engine, text

from livedash_core.pipeline import BUILT_IN
from livedash_core.stages.late_transcripts import reopen_late_transcripts
from tests.integration.records import Records
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import CONVERSATION, Answer, Site
from tests.integration.status.locks import impatient, locked_row

FETCH = "TRANSCRIPT_FETCH"


def age(engine: Engine, *, imported_hours: float, checked_hours: float) -> None:
    """Move the import and the last look at the transcripts into the past."""
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE livedash.session_import SET changed_at = now() - make_interval(secs => :hours * 3600)"),
            {"hours": imported_hours},
        )
        connection.execute(
            text(
                "UPDATE livedash.session_processing_status"
                " SET completed_at = now() - make_interval(secs => :hours * 3600) WHERE stage = :stage"
            ),
            {"hours": checked_hours, "stage": FETCH},
        )


def test_an_empty_transcript_that_is_filled_later_is_fetched_by_a_run_after_the_pause(
    site: Site, acme, pipeline: Pipeline, engine: Engine, records: Records
) -> None:
    site.publish(site.rows(3, transcript=""))
    pipeline.run_all()
    assert pipeline.statuses(FETCH) == {"SKIPPED": 3}
    site.rows(2)
    assert pipeline.run_all()[FETCH].claimed == 0  # at once, there is nothing to look at again

    age(engine, imported_hours=0.2, checked_hours=0.1)
    reports = pipeline.run_all()

    assert (reports[FETCH].completed, reports[FETCH].skipped) == (2, 1)
    assert pipeline.query("SELECT count(*) FROM livedash.message") == [(4,)]
    records.assert_counts_equal_rows()


def test_a_session_that_another_transaction_changes_is_left_to_it(
    site: Site, acme, pipeline: Pipeline, engine: Engine
) -> None:
    """A person skips it for good, or another import looks at it again."""
    site.publish(site.rows(2, transcript=""))
    pipeline.run_all()
    age(engine, imported_hours=0.2, checked_hours=0.1)
    theirs, ours = pipeline.session("S1"), pipeline.session("S2")
    with locked_row(engine, (theirs, FETCH)), impatient(engine) as connection:
        assert reopen_late_transcripts(connection, BUILT_IN) == [ours]


@pytest.mark.parametrize(
    ("imported_hours", "checked_hours", "asked"),
    [
        (0.1, 0.05, False),  # looked at three minutes ago
        (0.2, 0.1, True),
        (3, 1, False),  # looked at after two hours: the pause is two hours
        (5, 3, True),
        (14 * 24, 5 * 24, False),
        (14 * 24, 8 * 24, True),
        (30 * 24, 15 * 24, False),  # the last look was after 15 days
    ],
)
def test_the_pauses_between_two_looks_grow_and_end(
    site: Site, acme, pipeline: Pipeline, engine: Engine, imported_hours: float, checked_hours: float, asked: bool
) -> None:
    site.publish(site.rows(1, transcript=" \n"))
    pipeline.run_all()
    age(engine, imported_hours=imported_hours, checked_hours=checked_hours)
    pipeline.run("CSV_IMPORT")
    assert (pipeline.run(FETCH).skipped == 1) is asked


def test_a_transcript_that_does_not_exist_yet_is_fetched_by_a_run_after_the_pause(
    site: Site, acme, pipeline: Pipeline, engine: Engine, records: Records
) -> None:
    rows = site.rows(2)
    missing = {row[10].removeprefix(site.url): Answer(status=HTTPStatus.NOT_FOUND) for row in rows}
    there = {path: site.answers[path] for path in missing}
    site.answers |= missing
    site.publish(rows)
    pipeline.run_all()
    assert pipeline.statuses(FETCH) == {"FAILED": 2}
    assert pipeline.run_all()[FETCH].claimed == 0

    site.answers |= dict([*there.items()][:1])
    age(engine, imported_hours=0.2, checked_hours=0.1)
    reports = pipeline.run_all()

    assert (reports[FETCH].completed, reports[FETCH].failed) == (1, 1)
    assert pipeline.query("SELECT count(*) FROM livedash.message") == [(2,)]
    age(engine, imported_hours=30 * 24, checked_hours=15 * 24)
    assert pipeline.run_all()[FETCH].claimed == 0
    records.assert_counts_equal_rows()


def test_a_transcript_that_failed_for_another_reason_is_not_fetched_again_by_itself(
    site: Site, acme, pipeline: Pipeline, engine: Engine
) -> None:
    site.publish([site.row("S1", "<html><body>Please log in</body></html>")])
    pipeline.run_all()
    age(engine, imported_hours=0.2, checked_hours=0.1)
    assert pipeline.run_all()[FETCH].claimed == 0


@pytest.mark.parametrize("blank", ["", "NULL", r"\N", " n/a "])
def test_a_url_that_is_blanked_keeps_the_transcript_and_says_so_until_it_is_back(
    site: Site, acme, pipeline: Pipeline, blank: str
) -> None:
    row = site.row("S1")
    site.publish([row])
    pipeline.run_all()
    before = pipeline.rows_of(pipeline.session("S1"))

    site.publish([site.row("S1", full_transcript_url=blank)])
    reports = pipeline.run_all()

    assert reports[FETCH].claimed == 0
    assert pipeline.rows_of(pipeline.session("S1")) == before
    notes = "SELECT full_transcript_url, notes -> 'transcript_url_blanked' FROM livedash.session_import"
    assert pipeline.query(notes) == [(row[10], True)]
    site.publish([row])
    pipeline.run_all()
    assert pipeline.query(notes) == [(row[10], None)]


def test_a_url_that_is_blanked_before_anything_was_fetched_is_no_url(site: Site, acme, pipeline: Pipeline) -> None:
    site.publish([site.row("S1")])
    pipeline.run("CSV_IMPORT")
    site.publish([site.row("S1", full_transcript_url="")])
    pipeline.run_all()
    assert pipeline.statuses(FETCH) == {"SKIPPED": 1}


@pytest.mark.parametrize("word", ["NULL", r"\N", "nan", "-", "N/A", "none", "None", "n/a", " null "])
def test_a_word_for_nothing_is_no_url(site: Site, acme, pipeline: Pipeline, word: str) -> None:
    site.publish([site.row("S1", full_transcript_url=word)])
    pipeline.run("CSV_IMPORT")
    assert pipeline.run(FETCH).skipped == 1


@pytest.mark.parametrize("path", [f"{start}transcripts/S1.txt" for start in ("", "/", "./", "../")])
def test_a_relative_url_is_resolved_against_that_of_the_csv(site: Site, acme, pipeline: Pipeline, path: str) -> None:
    site.publish([site.row("S1", full_transcript_url=path)])
    pipeline.run("CSV_IMPORT")
    assert pipeline.run(FETCH).completed == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("sv=2022-11-02&se=2026-03-01T00%3A00Z&sr=b&sp=r&sig=abc%3D", "sv=2024-01-01&se=2026-04-01&sr=b&sp=r&sig=def"),
        ("X-Amz-Date=1&X-Amz-Signature=a&X-Amz-Security-Token=x", "X-Amz-Date=2&X-Amz-Signature=b"),
        ("X-Goog-Signature=a&X-Goog-Expires=1", "X-Goog-Signature=b&X-Goog-Expires=2"),
        ("AWSAccessKeyId=A&Expires=1&Signature=a", "AWSAccessKeyId=A&Expires=2&Signature=b"),
        ("Policy=a&Signature=b&Key-Pair-Id=c", "Policy=d&Signature=e&Key-Pair-Id=f"),
        ("id=7&token=a", "id=7&token=b"),
        ("", "token=b"),
    ],
)
def test_a_new_signature_alone_reopens_nothing(site: Site, acme, pipeline: Pipeline, first: str, second: str) -> None:
    def publish(query: str) -> None:
        row = site.row("S1")
        if query:
            row[10] += f"?{query}"
            site.answers[f"/transcripts/S1.txt?{query}"] = Answer(CONVERSATION)
        site.publish([row])

    publish(first)
    pipeline.run_all()
    before = pipeline.rows_of(pipeline.session("S1"))
    publish(second)
    assert pipeline.run("CSV_IMPORT").claimed == 0
    assert pipeline.rows_of(pipeline.session("S1")) == before
    assert pipeline.query("SELECT full_transcript_url FROM livedash.session_import")[0][0].endswith(second)


@pytest.mark.parametrize("query", ["id=8&sig=a", "id=7&sig=a&x=1"])
def test_another_query_is_another_transcript(site: Site, acme, pipeline: Pipeline, query: str) -> None:
    for each in ("id=7&sig=a", query):
        row = site.row("S1")
        row[10] += f"?{each}"
        site.answers[f"/transcripts/S1.txt?{each}"] = Answer(CONVERSATION)
        site.publish([row])
        pipeline.run("CSV_IMPORT")
        assert pipeline.run(FETCH).completed == 1


def test_a_new_signature_repeats_a_fetch_that_failed(site: Site, acme, pipeline: Pipeline) -> None:
    rows = site.rows(3)
    rows[0][10] += "?sig=old"
    site.answers["/transcripts/S1.txt?sig=old"] = Answer(status=HTTPStatus.FORBIDDEN)
    site.answers["/transcripts/S1.txt?sig=new"] = Answer(CONVERSATION)
    site.publish(rows)
    pipeline.run("CSV_IMPORT")
    report = pipeline.run(FETCH)
    assert (report.completed, report.failed, pipeline.incidents()) == (2, 1, [])

    rows[0][10] = rows[0][10].replace("old", "new")
    site.publish(rows)
    pipeline.run("CSV_IMPORT")
    assert pipeline.run(FETCH).completed == 1

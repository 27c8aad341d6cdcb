"""Rows that are corrected at their source, or contradict each other: what the session shows afterwards."""

from __future__ import annotations

from typing import Any

import pytest

from livedash_core.insights.counting import counted_sessions, recount
from livedash_core.operations.companies import update_company
from livedash_core.stages.csv_import import follow
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import CSV, Answer, Site

IMPORT = "CSV_IMPORT"


@pytest.fixture(autouse=True)
def _company(acme): ...


@pytest.mark.parametrize(
    ("column", "corrected", "shown_as", "shown"),
    [
        ("country_code", "BE", "country", "BE"),
        ("country_code", "NULL", "country", None),
        ("tokens", "701", "tokens", 701),
        ("tokens_eur", "0.5", "tokens_eur", "0.5"),
        ("avg_response_time_seconds", "3.5", "avg_response_time_seconds", "3.5"),
        ("initial_message", "How many days?", "initial_message", "How many days?"),
        ("initial_message", "", "initial_message", None),
    ],
)
def test_a_corrected_cell_corrects_the_session_and_repeats_no_stage(
    site: Site, pipeline: Pipeline, records: Records, column: str, corrected: str, shown_as: str, shown: Any
):
    site.publish([site.row("S1"), site.row("S2")])
    pipeline.run_all()
    session, other = pipeline.session("S1"), pipeline.rows_of(pipeline.session("S2"))

    site.publish([site.row("S1", **{column: corrected}), site.row("S2")])
    reports = pipeline.run_all()

    assert [report.claimed for report in reports.values()] == [0] * 5
    cast = "text" if isinstance(shown, str) else "int" if isinstance(shown, int) else "text"
    assert pipeline.query(f"SELECT CAST({shown_as} AS {cast}) FROM livedash.session WHERE id = :id", id=session) == [
        (shown,)
    ]
    assert pipeline.rows_of(pipeline.session("S2")) == other
    records.assert_counts_equal_rows()


def test_no_session_is_claimed_while_its_corrected_row_is_stored(
    site: Site, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
):
    """A worker that claims it then would make it from the row as it was, behind the look at who holds it."""
    site.publish([site.row("S1")])
    pipeline.run(IMPORT)
    pipeline.run("TRANSCRIPT_FETCH")
    site.publish([site.row("S1", country_code="BE")])
    claims = []

    def claim_first(*arguments: Any) -> Any:
        with pipeline.engine.begin() as other:
            claims.append(ProcessingStatusManager(other).claim("SESSION_CREATION", 10).attempts)
        return counted_sessions(*arguments)

    monkeypatch.setattr(follow, "counted_sessions", claim_first)
    pipeline.run(IMPORT)

    assert claims == [{}]
    pipeline.run_all()
    assert pipeline.query("SELECT country FROM livedash.session") == [("BE",)]


def test_a_corrected_language_is_followed_with_its_counts_until_an_analysis_has_one(site: Site, pipeline: Pipeline):
    site.publish([site.row("S1", "Assistant: Hello?\n", language="en"), site.row("S2", language="en")])
    pipeline.run_all()
    site.publish([site.row("S1", "Assistant: Hello?\n", language="de"), site.row("S2", language="de")])
    pipeline.run(IMPORT)

    shown = (
        "SELECT session.language FROM livedash.session JOIN livedash.session_import USING (id)"
        " ORDER BY external_session_id"
    )
    assert pipeline.query(shown) == [("de",), ("en",)]
    with pipeline.engine.connect() as connection:
        sessions, _ = recount(connection)
    stored = pipeline.query(
        "SELECT facet, company_id, day, value, sessions FROM livedash.session_day_count WHERE sessions > 0"
    )
    assert {tuple(row[:4]): row[4] for row in stored} == dict(sessions)


def test_a_number_that_is_corrected_loses_its_note(site: Site, pipeline: Pipeline, records: Records):
    site.publish([site.row("S1", tokens="many")])
    pipeline.run_all()
    site.publish([site.row("S1", tokens="7")])
    pipeline.run_all()
    assert pipeline.query("SELECT tokens FROM livedash.session") == [(7,)]
    assert "unread_cells" not in records.row(pipeline.session("S1"), "SESSION_CREATION").metadata


def test_a_message_that_was_cut_off_by_a_broken_download_becomes_whole(site: Site, pipeline: Pipeline):
    site.publish(site.rows(2))
    whole = site.answers[CSV].body
    site.answers[CSV] = Answer(whole[:-12])
    pipeline.run_all()
    site.answers[CSV] = Answer(whole)
    pipeline.run_all()
    assert len({message for (message,) in pipeline.query("SELECT initial_message FROM livedash.session")}) == 1


def test_an_ambiguous_number_follows_the_numbers_of_its_file(site: Site, pipeline: Pipeline):
    number = (
        "SELECT CAST(session.tokens_eur AS text) FROM livedash.session JOIN livedash.session_import USING (id)"
        " WHERE external_session_id = 'S1'"
    )
    site.publish([site.row("S1", tokens_eur="1,234", avg_response_time_seconds="2")])
    pipeline.run_all()
    assert pipeline.query(number) == [("1234",)]
    site.publish(
        [
            site.row("S1", tokens_eur="1,234", avg_response_time_seconds="2"),
            site.row("S2", tokens_eur="0,05", avg_response_time_seconds="2,5"),
        ]
    )
    pipeline.run_all()
    assert pipeline.query(number) == [("1.234",)]


# --- times that a spreadsheet rewrote

TIMES = "SELECT external_session_id, started_at, ended_at FROM livedash.session_import ORDER BY 1"


def test_times_that_a_spreadsheet_writes_in_its_own_way_repeat_no_stage(site: Site, pipeline: Pipeline):
    site.publish([site.row("S1", start_time="02.03.2026 12:00:17"), site.row("S2")])
    pipeline.run_all()
    before = pipeline.query(TIMES)

    site.publish([site.row(name, start_time="2.3.2026 12:00", end_time="2.3.2026 12:05") for name in ("S1", "S2")])
    reports = pipeline.run_all()

    assert [report.claimed for report in reports.values()] == [0] * 5
    assert pipeline.query(TIMES) == before
    assert pipeline.query("SELECT DISTINCT start_time FROM livedash.session_import") == [("2.3.2026 12:00",)]


def test_another_time_repeats_all_stages(site: Site, pipeline: Pipeline):
    site.publish([site.row("S1")])
    pipeline.run_all()
    site.publish([site.row("S1", start_time="2.3.2026 12:01")])

    assert [report.claimed for report in pipeline.run_all().values()] == [1] * 5


def test_dates_of_two_meanings_wait_for_a_file_that_decides(site: Site, pipeline: Pipeline):
    two_meanings = site.row("S1", start_time="3/2/2026 9:00", end_time="3/2/2026 9:05")
    site.publish([two_meanings])
    pipeline.run_all()
    ((error,),) = pipeline.query("SELECT error_message FROM livedash.session_processing_status WHERE status = 'FAILED'")
    assert "may be two days" in error

    site.publish([two_meanings, site.row("S2", start_time="3/14/2026 9:00", end_time="3/14/2026 9:05")])
    pipeline.run_all()
    assert pipeline.query(
        "SELECT CAST(started_at AT TIME ZONE 'UTC' AS date)::text FROM livedash.session ORDER BY 1"
    ) == [
        ("2026-03-02",),
        ("2026-03-14",),
    ]
    ((notes,),) = pipeline.query("SELECT reading -> 'notes' FROM livedash.company_csv")
    assert any("are read month first, as the other 2 dates" in note for note in notes)

    # A shorter export is read as the one before.
    site.publish([two_meanings, site.row("S3", start_time="4/2/2026 9:00", end_time="4/2/2026 9:05")])
    pipeline.run_all()
    assert pipeline.query(
        "SELECT CAST(started_at AT TIME ZONE 'UTC' AS date)::text FROM livedash.session ORDER BY 1"
    ) == [
        ("2026-03-02",),
        ("2026-03-14",),
        ("2026-04-02",),
    ]


def test_a_company_says_how_dates_of_two_meanings_are_read(site: Site, pipeline: Pipeline):
    dates = "SELECT CAST(started_at AT TIME ZONE 'UTC' AS date)::text FROM livedash.session ORDER BY 1"
    two_meanings = site.row("S1", start_time="3/2/2026 9:00", end_time="3/2/2026 9:05")
    site.publish([two_meanings])
    pipeline.run_all()
    assert pipeline.query(dates) == []

    with pipeline.engine.begin() as connection:
        update_company(connection, "Acme", {"date_order": "day-first"})
    pipeline.run_all()
    assert pipeline.query(dates) == [("2026-02-03",)]
    ((notes,),) = pipeline.query("SELECT reading -> 'notes' FROM livedash.company_csv")
    assert "2 dates like 03/04/2026 are read day first, as the company's settings say" in notes

    # What the file itself says comes first.
    site.publish([two_meanings, site.row("S2", start_time="3/14/2026 9:00", end_time="3/14/2026 9:05")])
    pipeline.run_all()
    assert pipeline.query(dates) == [("2026-03-02",), ("2026-03-14",)]


# --- several rows of one session


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_state_that_ends_later_wins_whatever_the_order(site: Site, pipeline: Pipeline, newest_first: bool):
    early, late = site.row("S1", messages_sent="2"), site.row("S1", messages_sent="9", end_time="02.03.2026 12:30:00")
    site.publish([late, early] if newest_first else [early, late])
    report = pipeline.run(IMPORT)
    assert pipeline.query("SELECT messages_sent, notes FROM livedash.session_import") == [("9", {"earlier_lines": 1})]
    assert (report.rejected, pipeline.query("SELECT * FROM livedash.import_rejection")) == ({}, [])


@pytest.mark.parametrize(
    "start", ["2026-03-02 12:00:00", "02.03.2026 12:00", "2026-03-02T13:00:00+01:00", "2026-03-02T12:00:00.000Z"]
)
def test_one_start_written_in_two_ways_is_no_contradiction(site: Site, pipeline: Pipeline, start: str):
    later = site.row("S1", start_time=start, end_time="02.03.2026 12:30:00")
    site.publish([site.row("S1", start_time="02.03.2026 12:00:00"), later])
    assert pipeline.run(IMPORT).rejected == {}
    assert pipeline.query("SELECT start_time, notes FROM livedash.session_import") == [(start, {"earlier_lines": 1})]


def test_rows_of_one_id_that_are_different_sessions_are_shown(site: Site, pipeline: Pipeline):
    one = site.row("S1", start_time="02.03.2026 09:00:00", end_time="02.03.2026 09:05:00")
    site.publish([one, site.row("S1"), site.row("S2")])
    report = pipeline.run(IMPORT)
    assert report.rejected["Acme"][0] == 1
    ((line, reason, raw),) = pipeline.query("SELECT line_number, reason, raw_text FROM livedash.import_rejection")
    assert (line, raw[:3]) == (1, "S1,")
    assert reason == "has the external_session_id of line 2, which ends later, but another start_time or transcript"

    site.publish([site.row("S1"), site.row("S2")])
    pipeline.run(IMPORT)
    assert pipeline.query("SELECT * FROM livedash.import_rejection") == []


def test_ids_that_a_spreadsheet_shortened_are_rejected_line_by_line(site: Site, pipeline: Pipeline):
    site.publish(
        [site.row("S1"), *(site.row("1.23457E+15", ip_address=f"192.0.2.{n}") for n in (1, 2, 3)), *site.rows(4)]
    )
    pipeline.run(IMPORT)
    found = pipeline.query("SELECT line_number, reason FROM livedash.import_rejection ORDER BY 1")
    assert [line for line, _ in found] == [2, 3, 4]
    assert "a spreadsheet shortened to 1.23457E+15" in found[0].reason

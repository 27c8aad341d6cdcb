"""Ids that a later file writes in another way: no session is stored twice, and none is merged into another."""

from __future__ import annotations

import pytest

from livedash_core.parsing.csv_columns import COLUMNS
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import Site

IMPORT = "CSV_IMPORT"
UUID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"


@pytest.fixture(autouse=True)
def _company(acme): ...


def changed(row: list[str], **cells: str) -> list[str]:
    return list((dict(zip(COLUMNS, row, strict=True)) | cells).values())


def ids(pipeline: Pipeline) -> list[str]:
    return [row[0] for row in pipeline.query("SELECT external_session_id FROM livedash.session_import ORDER BY 1")]


def notes(pipeline: Pipeline) -> str:
    ((reading,),) = pipeline.query("SELECT reading FROM livedash.company_csv")
    return "\n".join(reading["notes"])


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ("0071", "71"),
        ("71", "0071"),
        ("71", "71.0"),
        ("71.0", "71"),
        ("0071", "'0071"),
        ("'0071", "0071"),
        ("1071", "1,071"),
        (UUID, UUID.upper()),
        (UUID, f"{{{UUID}}}"),
        (f"{{{UUID.upper()}}}", UUID),
        ("CHAT-7a", "chat-7A"),
    ],
)
def test_an_id_in_another_form_is_the_stored_session(site: Site, pipeline: Pipeline, first: str, later: str):
    row = site.row("S1")
    site.publish([changed(row, external_session_id=first), site.row("S2")])
    pipeline.run_all()
    session = pipeline.session(first)

    site.publish([changed(row, external_session_id=later, country_code="BE"), site.row("S2")])
    reports = pipeline.run_all()

    assert ids(pipeline) == sorted([first, "S2"])
    assert [report.claimed for report in reports.values()] == [0] * 5
    assert pipeline.query("SELECT country FROM livedash.session WHERE id = :id", id=session) == [("BE",)]
    assert f"{later!r} for {first!r}" in notes(pipeline)

    site.publish([changed(row, external_session_id=first, country_code="FR"), site.row("S2")])
    pipeline.run(IMPORT)
    assert "otherwise" not in notes(pipeline)
    assert pipeline.query("SELECT country FROM livedash.session WHERE id = :id", id=session) == [("FR",)]


@pytest.mark.parametrize("address", ["/another.txt", "/transcripts/S1.txt?chat=7"])
def test_another_transcript_is_rejected_until_the_ids_are_repaired(site: Site, pipeline: Pipeline, address: str):
    row = changed(site.row("S1"), external_session_id="007")
    site.publish([row, site.row("S2")])
    pipeline.run(IMPORT)

    other = changed(row, external_session_id="7", full_transcript_url=site.url + address)
    site.publish([other, site.row("S2")])
    report = pipeline.run(IMPORT)
    assert ids(pipeline) == ["007", "S2"]
    assert report.rejected["Acme"][0] == 1
    ((line, reason),) = pipeline.query("SELECT line_number, reason FROM livedash.import_rejection")
    assert line == 1
    assert "the stored one 007 written in another way" in reason

    site.publish([row, site.row("S2")])
    pipeline.run(IMPORT)
    assert pipeline.query("SELECT * FROM livedash.import_rejection") == []


@pytest.mark.parametrize("new", ["a new session", "a new session without a time"])
def test_new_sessions_are_stored_beside_ids_that_are_written_otherwise(site: Site, pipeline: Pipeline, new: str):
    known = [changed(site.row(f"S{number}"), external_session_id=f"00{number}") for number in range(1, 9)]
    site.publish([*known, site.row("S20")])
    pipeline.run(IMPORT)

    taken = [changed(row, external_session_id=row[0].lstrip("0")) for row in known[:4]]
    rejected = [changed(row, external_session_id=row[0].lstrip("0"), full_transcript_url=site.url) for row in known[4:]]
    times = {"start_time": "?"} if new == "a new session without a time" else {}
    # In each of the two parts of a file, whose ids are hashed.
    added = [changed(site.row(f"S{number}"), **times) for number in range(30, 40)]
    site.publish([*taken, *rejected, site.row("S20"), *added])
    report = pipeline.run(IMPORT)

    assert ids(pipeline) == sorted(row[0] for row in (*known, site.row("S20"), *added))
    assert report.rejected["Acme"][0] == len(rejected)


def test_both_forms_in_one_file_are_one_session_or_a_contradiction(site: Site, pipeline: Pipeline):
    row = changed(site.row("S1"), external_session_id="007")
    site.publish([row, site.row("S2")])
    pipeline.run(IMPORT)
    site.publish([row, changed(row, external_session_id="7"), site.row("S2")])
    pipeline.run(IMPORT)
    assert ids(pipeline) == ["007", "S2"]


@pytest.mark.parametrize("other", ["7", "07"])
def test_another_start_is_another_session(site: Site, pipeline: Pipeline, other: str):
    row = changed(site.row("S1"), external_session_id="007")
    site.publish([row])
    pipeline.run(IMPORT)
    site.publish([row, changed(row, external_session_id=other, start_time="01.03.2026 00:00:00")])
    pipeline.run(IMPORT)
    assert ids(pipeline) == sorted(["007", other])


def test_ids_that_differ_from_the_first_file_on_are_two_sessions(site: Site, pipeline: Pipeline):
    rows = [changed(site.row("S1"), external_session_id="007"), changed(site.row("S2"), external_session_id="7")]
    site.publish(rows)
    pipeline.run(IMPORT)
    site.publish([*rows, site.row("S3")])
    pipeline.run(IMPORT)
    assert ids(pipeline) == ["007", "7", "S3"]
    assert pipeline.query("SELECT * FROM livedash.import_rejection") == []

"""A company's time zone is corrected later: sessions, messages and counts follow, and analyses stay."""

from __future__ import annotations

import pytest

from livedash_core.insights.counting import recount
from livedash_core.operations.companies import company_id, update_company
from livedash_core.stages.redating import redate
from tests.integration.records import Records
from tests.integration.stages.stage_runs import Pipeline
from tests.integration.stages.website import Site

TIMED = "[02.03.2026 00:30:00] User: How many days of leave do I have left?\n[02.03.2026 00:31:00] Assistant: Twelve.\n"


@pytest.fixture(autouse=True)
def _company(acme): ...


def row(site: Site, external_id: str, **columns: str) -> list[str]:
    return site.row(
        external_id, TIMED, **{"start_time": "02.03.2026 00:30:00", "end_time": "02.03.2026 00:35:00"} | columns
    )


def shown(pipeline: Pipeline) -> list[tuple[str, str]]:
    return pipeline.query(
        "SELECT to_char(session.started_at AT TIME ZONE 'UTC', 'DD HH24:MI') AS start,"
        " to_char(message.sent_at AT TIME ZONE 'UTC', 'DD HH24:MI') AS message"
        " FROM livedash.session JOIN livedash.message ON session_id = session.id AND position = 1 ORDER BY 1"
    )


def test_a_corrected_time_zone_dates_sessions_messages_and_counts_again(
    site: Site, pipeline: Pipeline, records: Records
):
    gap = {"start_time": "29.03.2026 02:30:00", "end_time": "29.03.2026 02:35:00"}
    site.publish([row(site, "S1", language="de"), row(site, "S2"), row(site, "S3", **gap)])
    pipeline.run_all()
    analysed = "SELECT language, category, analysis_id, analyzed_at FROM livedash.session ORDER BY id"
    statuses = "SELECT * FROM livedash.session_processing_status ORDER BY session_id, stage"
    before = [pipeline.query(analysed), pipeline.query(statuses)]
    with pipeline.engine.begin() as connection:
        update_company(connection, "Acme", {"timezone": "Europe/Amsterdam"})

    with pipeline.engine.connect() as connection:
        acme = company_id(connection, "Acme")
    untouched = pipeline.everything()
    dry = redate(pipeline.context, pipeline.stages, acme, dry_run=True)
    assert (dry.changed, dry.unchanged, dry.unreadable) == (2, 0, 1)
    assert pipeline.everything() == untouched

    assert redate(pipeline.context, pipeline.stages, acme, dry_run=False) == dry
    assert shown(pipeline)[:2] == [("01 23:30", "01 23:30")] * 2
    assert [pipeline.query(analysed), pipeline.query(statuses)] == before
    with pipeline.engine.connect() as connection:
        sessions, questions = recount(connection)
    stored = pipeline.query(
        "SELECT facet, company_id, day, value, sessions FROM livedash.session_day_count WHERE sessions > 0"
    )
    assert {tuple(each[:4]): each[4] for each in stored} == dict(sessions)
    asked = pipeline.query("SELECT question_id, day, sessions FROM livedash.question_day_count WHERE sessions > 0")
    assert {tuple(each[:2]): each[2] for each in asked} == dict(questions)
    records.assert_counts_equal_rows()

    again = redate(pipeline.context, pipeline.stages, acme, dry_run=False)
    assert (again.changed, again.unchanged, again.unreadable) == (0, 2, 1)

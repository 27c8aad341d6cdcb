"""A company's time zone is corrected later: sessions, messages and counts follow, and analyses stay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.errors import UsageError
from livedash_core.insights.counting import recount
from livedash_core.operations.companies import company_id, update_company
from livedash_core.stages.csv_import.importer import import_lock
from livedash_core.stages.redating import redate
from livedash_core.stages.session_creation import SessionCreation
from livedash_core.status import ProcessingStatusManager
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


@pytest.mark.parametrize("stage", ["CSV_IMPORT", "SESSION_CREATION"])
def test_a_session_that_a_stage_holds_is_read_and_made_again(
    site: Site, pipeline: Pipeline, acme: UUID, stage: str, records: Records
):
    site.publish([row(site, "S1")])
    pipeline.run_all()
    session = pipeline.session("S1")
    with pipeline.engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        manager.reopen(stage, [session])
        token = manager.start_stage(session, stage)
        update_company(connection, "Acme", {"timezone": "Europe/Amsterdam"})

    redate(pipeline.context, pipeline.stages, acme, dry_run=False)

    with pipeline.engine.begin() as connection:
        assert ProcessingStatusManager(connection).held(token) == []
    records.assert_stage(session, stage, "PENDING")
    pipeline.run_all()
    assert shown(pipeline) == [("01 23:30", "01 23:30")]


def test_no_session_is_claimed_between_the_look_at_its_stages_and_its_new_times(
    site: Site, pipeline: Pipeline, acme: UUID, monkeypatch: pytest.MonkeyPatch
):
    """A worker that claims it then would read the times before, and store them afterwards."""
    site.publish([row(site, "S1")])
    pipeline.run("CSV_IMPORT")
    pipeline.run("TRANSCRIPT_FETCH")
    with pipeline.engine.begin() as connection:
        update_company(connection, "Acme", {"timezone": "Europe/Amsterdam"})
    load, claims = SessionCreation.load, []

    def claim_first(stage: SessionCreation, connection: Connection, session_ids: Sequence[UUID]) -> Any:
        with pipeline.engine.begin() as other:
            claims.append(ProcessingStatusManager(other).claim(stage.name, 10).attempts)
        return load(stage, connection, session_ids)

    monkeypatch.setattr(SessionCreation, "load", claim_first)
    redate(pipeline.context, pipeline.stages, acme, dry_run=False)

    assert claims == [{}]
    pipeline.run_all()
    assert shown(pipeline) == [("01 23:30", "01 23:30")]


def test_nothing_is_dated_again_during_an_import(site: Site, pipeline: Pipeline, acme: UUID):
    """The import interprets the rows that are new in the time zone that it began with."""
    site.publish([row(site, "S1")])
    pipeline.run_all()
    with pipeline.engine.begin() as connection:
        update_company(connection, "Acme", {"timezone": "Europe/Amsterdam"})
    untouched = pipeline.everything()
    with import_lock(pipeline.engine, acme):
        with pytest.raises(UsageError, match="is being imported; nothing was dated again"):
            redate(pipeline.context, pipeline.stages, acme, dry_run=False)
        assert redate(pipeline.context, pipeline.stages, acme, dry_run=True).changed == 1
    assert pipeline.everything() == untouched

"""TRANSCRIPT_FETCH against real servers that refuse, that are busy, and that are fine."""

from __future__ import annotations

from http import HTTPStatus

from sqlalchemy import Engine

from tests.integration.stages.pipeline import Pipeline
from tests.integration.stages.website import CSV, Answer, Site
from tests.integration.world import World

FETCH = "TRANSCRIPT_FETCH"
AT_ONCE = 4


def test_refused_credentials_stop_one_company_after_the_first_few_and_cost_no_attempt(
    site: Site, acme, new_site, add_company, engine: Engine, world: World
):
    pipeline = Pipeline(engine, fetch_concurrency=AT_ONCE)
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
    assert "answered 401: check login and password" in incident.message
    assert pipeline.leases() == 0

    site.answers.update(fine)
    assert pipeline.run(FETCH).completed == 30
    assert pipeline.incidents() == []
    world.assert_ledger_equals_rows()


def test_a_server_that_asks_for_patience_gets_it(site: Site, acme, pipeline: Pipeline, world: World):
    site.publish(site.rows(1))
    pipeline.run("CSV_IMPORT")
    session = pipeline.session("S1")
    site.answers["/transcripts/S1.txt"] = Answer(
        status=HTTPStatus.SERVICE_UNAVAILABLE, headers=(("Retry-After", "1800"),)
    )

    report = pipeline.run(FETCH)

    assert (report.claimed, report.failed) == (1, 1)
    row, (failure,) = world.row(session, FETCH), world.failures(session)
    assert (row.status, row.error_kind, row.attempts) == ("PENDING", "transient", 1)
    assert (row.available_at - failure.failed_at).total_seconds() == 1800
    assert pipeline.run(FETCH).claimed == 0

    site.rows(1)
    world.backoff_is_over()
    assert pipeline.run(FETCH).completed == 1
    assert world.row(session, FETCH).attempts == 2

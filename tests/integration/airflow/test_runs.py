"""Each kind of DAG run, through Airflow's own `dag.test()`: what it takes, what it leaves alone, what it says."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from livedash_core.status import ProcessingStatusManager
from tests.integration.airflow.conftest import Run
from tests.integration.records import NOON, Records
from tests.integration.stages.website import Site

STAGE = "TRANSCRIPT_FETCH"
DAY = ("2026-03-02T00:00:00+00:00", "2026-03-03T00:00:00+00:00")
NOTHING_RAN = {"lane": "upstream_failed", "publish": "skipped", "all_lanes_ok": "upstream_failed"}
EMPTY_RUN = {"plan": "success", "lane": "skipped", "publish": "skipped", "all_lanes_ok": "skipped"}


def unfetchable(world: Records, session_ids: list[UUID]) -> None:
    """A transcript at an address that may not be fetched fails for good; a session without one is skipped."""
    set_url(world, session_ids, "ftp://127.0.0.1/transcript")


def mended(world: Records, session_ids: list[UUID]) -> None:
    set_url(world, session_ids, None)


def set_url(world: Records, session_ids: list[UUID], url: str | None) -> None:
    with world.engine.begin() as connection:
        connection.execute(
            text("UPDATE livedash.session_import SET full_transcript_url = :url WHERE id = ANY (:ids)"),
            {"url": url, "ids": session_ids},
        )


def statuses(world: Records, session_ids: list[UUID]) -> list[str]:
    return [world.row(session_id, STAGE).status for session_id in session_ids]


def failed_sessions(world: Records, company_id: UUID, number: int, **when: object) -> list[UUID]:
    """Sessions whose fetch has failed, and would succeed now."""
    ids = world.sessions(company_id, number, **when)
    with world.engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        for session_id in ids:
            token = manager.start_stage(session_id, STAGE)
            manager.fail_stage(session_id, STAGE, token, "no such transcript")
    return ids


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered"])
def test_woken_by_clock_or_asset_a_run_drains_all_that_is_due(run: Run, world: Records, run_type: str):
    acme, beta = world.company("Acme"), world.company("Beta")
    due = world.sessions(acme, 2) + world.sessions(beta, 1)
    left_alone = failed_sessions(world, acme, 1) + world.sessions(world.company("Gone", status="SUSPENDED"), 1)
    (abandoned,) = world.sessions(beta, 1)
    with world.engine.begin() as connection:
        # Last: any claim after it would take notice of the expired lease, which is for the run to do.
        ProcessingStatusManager(connection).start_stage(abandoned, STAGE, lease_seconds=-1)

    finished = run(STAGE, run_type)

    assert finished.state == "success"
    assert statuses(world, [*due, abandoned]) == ["SKIPPED"] * 4
    assert statuses(world, left_alone) == ["FAILED", "PENDING"]
    assert finished.events == [
        ["livedash_transcripts", {"claimed": 4, "completed": 0, "failed": 0, "skipped": 4, "released": 0}]
    ]
    assert finished.says(f"{STAGE}, {run_type} run: sessions of every active company")
    assert finished.says("sessions due: 4; lanes: 1")


def test_a_manual_run_takes_what_its_form_says_and_nothing_else(run: Run, world: Records):
    acme = world.company("Acme")
    inside = world.sessions(acme, 2)
    outside = world.sessions(acme, 1, started_at=NOON - timedelta(days=1)) + world.sessions(world.company("Beta"), 1)
    failed = failed_sessions(world, acme, 1)

    finished = run(STAGE, "manual", {"company": "Acme", "from": "2026-03-02", "to": "2026-03-02"})

    assert finished.state == "success"
    assert statuses(world, [*inside, *outside, *failed]) == ["SKIPPED"] * 2 + ["PENDING"] * 2 + ["FAILED"]


def test_a_manual_run_retries_what_failed_if_its_form_says_so_and_no_more_than_its_limit(run: Run, world: Records):
    acme, gone = world.company("Acme"), world.company("Gone")
    failed = failed_sessions(world, acme, 3)
    suspended = failed_sessions(world, gone, 1)
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.company SET status = 'SUSPENDED' WHERE id = :id"), {"id": gone})

    finished = run(STAGE, "manual", {"retry_failed": True, "limit": 2})

    assert finished.says("2 failed sessions are tried again")
    assert sorted(statuses(world, failed)) == ["FAILED", "SKIPPED", "SKIPPED"]
    assert statuses(world, suspended) == ["FAILED"]


def test_a_manual_run_does_the_sessions_it_names_again_if_its_form_says_so(run: Run, world: Records):
    acme = world.company("Acme")
    done = world.sessions(acme, 2, completed_stages=5)

    finished = run(STAGE, "manual", {"session_ids": [str(done[0])], "again": True})

    assert finished.says("1 sessions are done again from here on")
    assert finished.says("what a call to a model for this session may cost is not known")
    assert statuses(world, done) == ["SKIPPED", "COMPLETED"]


def test_a_backfill_mends_the_failed_sessions_of_its_days_and_touches_no_others(run: Run, world: Records):
    acme = world.company("Acme")
    failed = failed_sessions(world, acme, 2)
    due = world.sessions(acme, 1)
    outside = failed_sessions(world, acme, 1, started_at=NOON + timedelta(days=1))
    outside += world.sessions(acme, 1, started_at=NOON - timedelta(days=1))

    finished = run(STAGE, "backfill", interval=DAY)

    assert finished.state == "success"
    assert finished.says("2 failed sessions are tried again")
    assert statuses(world, failed + due) == ["SKIPPED"] * 3
    assert statuses(world, outside) == ["FAILED", "PENDING"]
    assert [event[0] for event in finished.events] == ["livedash_transcripts"]


def test_an_empty_run_is_one_task_and_wakes_nobody(run: Run, world: Records):
    world.company("Acme")

    finished = run(STAGE, "scheduled")

    assert finished.state == "success"
    assert finished.states() == EMPTY_RUN
    assert finished.events == []


@pytest.mark.parametrize(
    ("conf", "sentence"),
    [
        ({"compny": "Acme"}, "the run's conf has unknown keys compny; it may have company, from, to,"),
        ({"company": "Nobody", "retry_failed": True}, "no company is called 'Nobody'; the active companies are: Acme"),
        ({"company": "Gone", "retry_failed": True}, "Gone is SUSPENDED: only ACTIVE companies are processed"),
        ({"session_ids": ["LV-0"], "retry_failed": True}, "no session has the id LV-0"),
        (
            {"from": "2026-03-03", "to": "2026-03-01", "retry_failed": True},
            "2026-03-03, is after the last day, 2026-03-01",
        ),
    ],
)
def test_a_form_that_makes_no_sense_ends_red_with_one_sentence_and_touches_nothing(run, world, conf, sentence):
    acme = world.company("Acme")
    world.company("Gone", status="SUSPENDED")
    failed, due = failed_sessions(world, acme, 1), world.sessions(acme, 1)

    finished = run(STAGE, "manual", conf)

    assert finished.state == "failed"
    assert finished.states() == {"plan": "failed", **NOTHING_RAN}
    (complaint,) = finished.complaints()
    assert complaint.startswith(sentence)
    assert finished.tasks["plan"] == ["failed", 1]
    assert statuses(world, failed + due) == ["FAILED", "PENDING"]


def test_sessions_that_fail_leave_the_run_green_and_are_named_with_the_page_that_has_them_all(run, world):
    acme = world.company("Acme")
    failing, fine = world.sessions(acme, 2), world.sessions(acme, 1)
    unfetchable(world, failing)

    finished = run(STAGE, "scheduled")

    assert finished.state == "success"
    assert [extra["failed"] for _, extra in finished.events] == [2]
    assert statuses(world, failing + fine) == ["FAILED", "FAILED", "SKIPPED"]
    for session_id in failing:
        assert finished.says(f"session {session_id} failed: ")
    assert finished.says("shown at /plugin/livedash and by `livedash failures --stage TRANSCRIPT_FETCH`")


def test_when_nothing_moves_on_nobody_is_woken(run, world):
    failing = world.sessions(world.company("Acme"), 1)
    unfetchable(world, failing)

    finished = run(STAGE, "scheduled")

    assert finished.state == "success"
    assert finished.states()["publish"] == "skipped"
    assert finished.events == []


def test_what_stops_a_company_turns_the_run_red_at_once_and_the_rest_is_published(run, world):
    fine = world.sessions(world.company("Fine"), 1)
    stopped = world.sessions(
        world.company("Stopped", csv_url="http://127.0.0.1:9/sessions.csv", http_conn_id="nowhere"), 1
    )
    set_url(world, stopped, "http://127.0.0.1:9/transcript")

    finished = run(STAGE, "scheduled")

    assert finished.state == "failed"
    assert finished.tasks["lane[0]"] == ["failed", 1]
    assert finished.states()["publish"] == "success"
    assert [asset for asset, _ in finished.events] == ["livedash_transcripts"]
    (complaint,) = finished.complaints()
    assert complaint.startswith("Stopped: the connection 'nowhere' does not exist or holds no login")
    assert statuses(world, fine + stopped) == ["SKIPPED", "PENDING"]
    assert world.row(stopped[0], STAGE).attempts == 0


def test_a_database_that_is_not_there_is_one_sentence(run, world):
    finished = run(STAGE, "scheduled", connection={"host": "127.0.0.1", "port": 9})

    assert finished.state == "failed"
    (complaint,) = finished.complaints()
    assert complaint.startswith("the database of the Airflow connection livedash_postgres does not answer: conn")
    assert finished.tasks["plan"] == ["failed", 1]


def test_a_connection_that_nobody_made_is_one_sentence_with_what_makes_it(run, world):
    finished = run(STAGE, "scheduled", connected=False)

    assert finished.state == "failed"
    assert finished.complaints() == [
        "the Airflow connection livedash_postgres does not exist; create it (Admin > Connections, type Postgres) or "
        "set AIRFLOW_CONN_LIVEDASH_POSTGRES"
    ]
    assert finished.tasks["plan"] == ["failed", 1]


def test_a_schema_that_nobody_made_is_one_sentence_with_the_command_that_makes_it(run, world):
    finished = run(STAGE, "scheduled", connection={"schema": "postgres"})

    assert finished.state == "failed"
    assert finished.complaints() == ["the database has no LiveDash schema yet; create it with: livedash db upgrade"]


def test_a_run_leaves_its_numbers_to_metrics_and_to_one_structured_line(run, world):
    acme = world.company("Acme")
    unfetchable(world, world.sessions(acme, 1))
    world.sessions(acme, 2)

    finished = run(STAGE, "scheduled")

    duration = finished.metrics.pop("livedash.transcript_fetch.duration")
    assert 0 < duration < 60
    assert finished.metrics == {
        "livedash.transcript_fetch.claimed": 3,
        "livedash.transcript_fetch.completed": 0,
        "livedash.transcript_fetch.failed": 1,
        "livedash.transcript_fetch.skipped": 2,
        "livedash.transcript_fetch.released": 0,
    }
    (line,) = [entry for entry in finished.log if entry["event"] == "livedash.run"]
    expected = {
        "stage": STAGE,
        "dag_id": "livedash_transcript_fetch",
        "run_type": "scheduled",
        "lanes": 1,
        "claimed": 3,
        "failed": 1,
        "skipped": 2,
    }
    assert expected.items() <= line.items()
    assert line["run_id"].startswith("scheduled__")


def test_an_import_wakes_every_later_stage_that_has_something_due(run, world):
    acme = world.company("Acme")
    world.sessions(acme, 1, completed_stages=1)
    world.sessions(acme, 1, completed_stages=3)

    finished = run("CSV_IMPORT", "scheduled")

    assert finished.state == "success"
    assert finished.events == [
        ["livedash_imports", {"woken_by": "CSV_IMPORT"}],
        ["livedash_sessions", {"woken_by": "CSV_IMPORT"}],
    ]


def test_an_import_that_brings_something_in_wakes_the_next_stage_once(run, world):
    with Site() as site:
        site.publish(site.rows(3))
        world.company("Acme", csv_url=site.csv_url, allowed_networks=["127.0.0.0/8"])

        finished = run("CSV_IMPORT", "manual", {"company": "Acme"})

    assert finished.state == "success"
    assert finished.says("CSV_IMPORT, manual run: sessions of Acme")
    assert finished.says("CSVs to import: 1; lanes: 1")
    assert finished.states()["wake"] == "skipped"
    assert finished.events == [
        ["livedash_imports", {"claimed": 3, "completed": 3, "failed": 0, "skipped": 0, "released": 0}]
    ]


def test_an_import_of_named_sessions_fetches_no_csv(run, world):
    acme = world.company("Acme", csv_url="http://127.0.0.1:9/never-asked.csv")
    (session,) = world.sessions(acme, 1, completed_stages=0)

    finished = run("CSV_IMPORT", "manual", {"session_ids": [str(session)]})

    assert finished.complaints() == []
    assert finished.says("CSV_IMPORT, manual run: named sessions (1)")
    assert world.row(session, "CSV_IMPORT").attempts == 1


def test_the_retention_run_erases_what_companies_do_not_want_kept(run, world):
    kept = world.sessions(world.company("Forever"), 1)
    gone = world.sessions(world.company("Gone", retention_days=1, status="ARCHIVED"), 2)

    finished = run("RETENTION", "scheduled")

    assert (finished.state, finished.events) == ("success", [])
    assert finished.says("Gone: 2 sessions, 0 messages, 0 transcripts, 0 questions, 0 rejected lines erased")
    with world.engine.connect() as connection:
        erased = connection.execute(text("SELECT id FROM livedash.session_import WHERE erased_at IS NOT NULL"))
        assert set(erased.scalars()) == set(gone) - set(kept)

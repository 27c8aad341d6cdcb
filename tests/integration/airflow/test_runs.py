"""Each kind of DAG run, through Airflow's own `dag.test()`: which sessions it processes, which not, what it logs."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from livedash_core.costs import (
    CallEnd,
    PlannedCall,
    Usage,
    close_calls,
    load_prices,
    open_calls,
    recount,
    set_price,
    stored_totals,
)
from livedash_core.status import ProcessingStatusManager
from tests.integration.airflow.conftest import Run
from tests.integration.records import NOON, Records
from tests.integration.stages.website import Site

STAGE = "TRANSCRIPT_FETCH"
DAY = ("2026-03-02T00:00:00+00:00", "2026-03-03T00:00:00+00:00")
NOTHING_RAN = {"lane": "upstream_failed", "publish": "skipped", "all_lanes_ok": "upstream_failed"}
EMPTY_RUN = {"plan": "success", "lane": "skipped", "publish": "skipped", "all_lanes_ok": "skipped"}


def unfetchable(records: Records, session_ids: list[UUID]) -> None:
    """A transcript at an address that may not be fetched fails for good; a session without one is skipped."""
    set_url(records, session_ids, "ftp://127.0.0.1/transcript")


def mended(records: Records, session_ids: list[UUID]) -> None:
    set_url(records, session_ids, None)


def set_url(records: Records, session_ids: list[UUID], url: str | None) -> None:
    with records.engine.begin() as connection:
        connection.execute(
            text("UPDATE livedash.session_import SET full_transcript_url = :url WHERE id = ANY (:ids)"),
            {"url": url, "ids": session_ids},
        )


def statuses(records: Records, session_ids: list[UUID]) -> list[str]:
    return [records.row(session_id, STAGE).status for session_id in session_ids]


def failed_sessions(records: Records, company_id: UUID, number: int, **when: object) -> list[UUID]:
    """Sessions whose fetch has failed, and would succeed now."""
    ids = records.sessions(company_id, number, **when)
    with records.engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        for session_id in ids:
            token = manager.start_stage(session_id, STAGE)
            manager.fail_stage(session_id, STAGE, token, "no such transcript")
    return ids


@pytest.mark.parametrize("run_type", ["scheduled", "asset_triggered"])
def test_a_scheduled_or_asset_triggered_run_processes_all_due_sessions(run: Run, records: Records, run_type: str):
    acme, beta = records.company("Acme"), records.company("Beta")
    due = records.sessions(acme, 2) + records.sessions(beta, 1)
    left_alone = failed_sessions(records, acme, 1) + records.sessions(records.company("Gone", status="SUSPENDED"), 1)
    (abandoned,) = records.sessions(beta, 1)
    with records.engine.begin() as connection:
        # Last: any claim after it would take notice of the expired lease, which is for the run to do.
        ProcessingStatusManager(connection).start_stage(abandoned, STAGE, lease_seconds=-1)

    finished = run(STAGE, run_type)

    assert finished.state == "success"
    assert statuses(records, [*due, abandoned]) == ["SKIPPED"] * 4
    assert statuses(records, left_alone) == ["FAILED", "PENDING"]
    assert finished.events == [
        ["livedash_transcripts", {"claimed": 4, "completed": 0, "failed": 0, "skipped": 4, "released": 0}]
    ]
    assert finished.says(f"{STAGE}, {run_type} run: sessions of every active company")
    assert finished.says("sessions due: 4; lanes: 1")


def test_a_manual_run_takes_what_its_form_says_and_nothing_else(run: Run, records: Records):
    acme = records.company("Acme")
    inside = records.sessions(acme, 2)
    outside = records.sessions(acme, 1, started_at=NOON - timedelta(days=1)) + records.sessions(
        records.company("Beta"), 1
    )
    failed = failed_sessions(records, acme, 1)

    finished = run(STAGE, "manual", {"company": "Acme", "from": "2026-03-02", "to": "2026-03-02"})

    assert finished.state == "success"
    assert statuses(records, [*inside, *outside, *failed]) == ["SKIPPED"] * 2 + ["PENDING"] * 2 + ["FAILED"]


def test_a_manual_run_retries_what_failed_if_its_form_says_so_and_no_more_than_its_limit(run: Run, records: Records):
    acme, gone = records.company("Acme"), records.company("Gone")
    failed = failed_sessions(records, acme, 3)
    suspended = failed_sessions(records, gone, 1)
    with records.engine.begin() as connection:
        connection.execute(text("UPDATE livedash.company SET status = 'SUSPENDED' WHERE id = :id"), {"id": gone})

    finished = run(STAGE, "manual", {"retry_failed": True, "limit": 2})

    assert finished.says("2 failed sessions are retried")
    assert sorted(statuses(records, failed)) == ["FAILED", "SKIPPED", "SKIPPED"]
    assert statuses(records, suspended) == ["FAILED"]


def test_a_manual_run_reruns_named_sessions_if_its_form_says_so(run: Run, records: Records):
    acme = records.company("Acme")
    done = records.sessions(acme, 2, completed_stages=5)

    finished = run(STAGE, "manual", {"session_ids": [str(done[0])], "rerun": True})

    assert finished.says("1 sessions run again from this stage on")
    assert finished.says("the cost of a model call for this session is not known")
    assert statuses(records, done) == ["SKIPPED", "COMPLETED"]


def test_a_backfill_mends_the_failed_sessions_of_its_days_and_touches_no_others(run: Run, records: Records):
    acme = records.company("Acme")
    failed = failed_sessions(records, acme, 2)
    due = records.sessions(acme, 1)
    outside = failed_sessions(records, acme, 1, started_at=NOON + timedelta(days=1))
    outside += records.sessions(acme, 1, started_at=NOON - timedelta(days=1))

    finished = run(STAGE, "backfill", interval=DAY)

    assert finished.state == "success"
    assert finished.says("2 failed sessions are retried")
    assert statuses(records, failed + due) == ["SKIPPED"] * 3
    assert statuses(records, outside) == ["FAILED", "PENDING"]
    assert [event[0] for event in finished.events] == ["livedash_transcripts"]


def test_an_empty_run_is_one_task_and_wakes_nobody(run: Run, records: Records):
    records.company("Acme")

    finished = run(STAGE, "scheduled")

    assert finished.state == "success"
    assert finished.states() == EMPTY_RUN
    assert finished.events == []


def test_a_cleared_run_publishes_what_its_first_try_moved_on(run: Run, records: Records):
    sessions = records.sessions(records.company("Acme"), 2)
    set_url(records, sessions, None)
    first = run(STAGE, "scheduled")
    assert first.events

    again = run(STAGE, "scheduled", cleared_run=first.run_id)

    assert again.says("sessions due: 0; the next stage has due sessions of an earlier try")
    assert again.tasks["publish"] == ["success", 2]
    assert [event[0] for event in again.events] == ["livedash_transcripts"] * 2

    # Nothing is published for a run that is cleared when the next stage has nothing to do.
    with records.engine.begin() as connection:
        connection.execute(
            text("UPDATE livedash.session_processing_status SET available_at = 'infinity' WHERE status = 'PENDING'")
        )
    assert run(STAGE, "scheduled", cleared_run=first.run_id).tasks["publish"][0] == "skipped"


@pytest.mark.parametrize(
    ("conf", "sentence"),
    [
        ({"compny": "Acme"}, "the run's conf has unknown keys compny; it may have company, from, to,"),
        ({"company": "Nobody", "retry_failed": True}, "no company is called 'Nobody'; the active companies are: Acme"),
        ({"company": "Gone", "retry_failed": True}, "Gone is SUSPENDED: only ACTIVE companies are processed"),
        ({"session_ids": ["LV-0"], "retry_failed": True}, "no session has the id LV-0"),
        (
            {"from": "2026-03-03", "to": "2026-03-01", "retry_failed": True},
            "the first day, 2026-03-03, is after the last day, 2026-03-01",
        ),
    ],
)
def test_an_invalid_form_fails_the_run_with_one_sentence_and_changes_nothing(run, records, conf, sentence):
    acme = records.company("Acme")
    records.company("Gone", status="SUSPENDED")
    failed, due = failed_sessions(records, acme, 1), records.sessions(acme, 1)

    finished = run(STAGE, "manual", conf)

    assert finished.state == "failed"
    assert finished.states() == {"plan": "failed", **NOTHING_RAN}
    (complaint,) = finished.errors()
    assert complaint.startswith(sentence)
    assert finished.tasks["plan"] == ["failed", 1]
    assert statuses(records, failed + due) == ["FAILED", "PENDING"]


def test_failed_sessions_leave_the_run_green_and_are_logged_with_the_page_that_lists_them(run, records):
    acme = records.company("Acme")
    failing, fine = records.sessions(acme, 2), records.sessions(acme, 1)
    unfetchable(records, failing)

    finished = run(STAGE, "scheduled")

    assert finished.state == "success"
    assert [extra["failed"] for _, extra in finished.events] == [2]
    assert statuses(records, failing + fine) == ["FAILED", "FAILED", "SKIPPED"]
    for session_id in failing:
        assert finished.says(f"session {session_id} failed: ")
    assert finished.says("shown at /plugin/livedash and by `livedash failures --stage TRANSCRIPT_FETCH`")


def test_a_run_that_completes_no_session_publishes_no_asset_event(run, records):
    failing = records.sessions(records.company("Acme"), 1)
    unfetchable(records, failing)

    finished = run(STAGE, "scheduled")

    assert finished.state == "success"
    assert finished.states()["publish"] == "skipped"
    assert finished.events == []


def test_an_incident_of_one_company_fails_the_run_and_the_other_companies_are_published(run, records):
    fine = records.sessions(records.company("Fine"), 1)
    stopped = records.sessions(
        records.company("Stopped", csv_url="http://127.0.0.1:9/sessions.csv", http_conn_id="nowhere"), 1
    )
    set_url(records, stopped, "http://127.0.0.1:9/transcript")

    finished = run(STAGE, "scheduled")

    assert finished.state == "failed"
    assert finished.tasks["lane[0]"] == ["failed", 1]
    assert finished.states()["publish"] == "success"
    assert [asset for asset, _ in finished.events] == ["livedash_transcripts"]
    (complaint,) = finished.errors()
    assert complaint.startswith("Stopped: the connection 'nowhere' does not exist or holds no login")
    assert statuses(records, fine + stopped) == ["SKIPPED", "PENDING"]
    assert records.row(stopped[0], STAGE).attempts == 0


def test_an_unreachable_database_is_one_sentence(run, records):
    finished = run(STAGE, "scheduled", connection={"host": "127.0.0.1", "port": 9})

    assert finished.state == "failed"
    (complaint,) = finished.errors()
    assert complaint.startswith("the database of the Airflow connection livedash_postgres does not answer: conn")
    assert finished.tasks["plan"] == ["failed", 1]


def test_a_missing_connection_is_one_sentence_with_how_to_create_it(run, records):
    finished = run(STAGE, "scheduled", connected=False)

    assert finished.state == "failed"
    assert finished.errors() == [
        "the Airflow connection livedash_postgres does not exist; create it (Admin > Connections, type Postgres) or "
        "set AIRFLOW_CONN_LIVEDASH_POSTGRES"
    ]
    assert finished.tasks["plan"] == ["failed", 1]


def test_a_missing_schema_is_one_sentence_with_the_command_that_creates_it(run, records):
    finished = run(STAGE, "scheduled", connection={"schema": "postgres"})

    assert finished.state == "failed"
    assert finished.errors() == ["the database has no LiveDash schema yet; create it with: livedash db upgrade"]


def test_a_run_emits_its_counts_as_metrics_and_as_one_structured_log_line(run, records):
    acme = records.company("Acme")
    unfetchable(records, records.sessions(acme, 1))
    records.sessions(acme, 2)

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


def test_an_import_triggers_every_later_stage_that_has_due_sessions(run, records):
    acme = records.company("Acme")
    records.sessions(acme, 1, completed_stages=1)
    records.sessions(acme, 1, completed_stages=3)

    finished = run("CSV_IMPORT", "scheduled")

    assert finished.state == "success"
    assert finished.events == [
        ["livedash_imports", {"woken_by": "CSV_IMPORT"}],
        ["livedash_sessions", {"woken_by": "CSV_IMPORT"}],
    ]


def test_an_import_with_new_sessions_triggers_the_next_stage_once(run, records):
    with Site() as site:
        site.publish(site.rows(3))
        records.company("Acme", csv_url=site.csv_url, allowed_networks=["127.0.0.0/8"])

        finished = run("CSV_IMPORT", "manual", {"company": "Acme"})

    assert finished.state == "success"
    assert finished.says("CSV_IMPORT, manual run: sessions of Acme")
    assert finished.says("CSVs to import: 1; lanes: 1")
    assert finished.states()["wake"] == "skipped"
    assert finished.events == [
        ["livedash_imports", {"claimed": 3, "completed": 3, "failed": 0, "skipped": 0, "released": 0}]
    ]


def test_an_import_of_named_sessions_fetches_no_csv(run, records):
    acme = records.company("Acme", csv_url="http://127.0.0.1:9/never-asked.csv")
    (session,) = records.sessions(acme, 1, completed_stages=0)

    finished = run("CSV_IMPORT", "manual", {"session_ids": [str(session)]})

    assert finished.errors() == []
    assert finished.says("CSV_IMPORT, manual run: named sessions (1)")
    assert records.row(session, "CSV_IMPORT").attempts == 1


def test_the_retention_run_erases_sessions_older_than_their_company_keeps(run, records):
    kept = records.sessions(records.company("Forever"), 1)
    gone = records.sessions(records.company("Gone", retention_days=1, status="ARCHIVED"), 2)

    finished = run("RETENTION", "scheduled")

    assert (finished.state, finished.events) == ("success", [])
    assert finished.says("Gone: 2 sessions, 0 messages, 0 transcripts, 0 questions, 0 rejected lines erased")
    with records.engine.connect() as connection:
        erased = connection.execute(text("SELECT id FROM livedash.session_import WHERE erased_at IS NOT NULL"))
        assert set(erased.scalars()) == set(gone) - set(kept)


def test_the_retention_run_prices_calls_that_a_killed_process_closed_with_an_older_price_list(run, records, company_id):
    with records.engine.begin() as connection:
        older = load_prices(connection)
        set_price(connection, "home-made", valid_from=NOON, input_=Decimal(1), output=Decimal(1))
    with records.engine.begin() as connection:
        (call,) = open_calls(connection, [PlannedCall(uuid4(), company_id, "home-made", "1", 900, 100)], older)
        close_calls(connection, {call: CallEnd("answered", usage=Usage(900, 0, 0, 100))}, older)

    finished = run("RETENTION", "scheduled")

    assert (finished.state, finished.errors()) == ("success", [])
    assert finished.says("1 calls priced that were closed with an older price list")
    with records.engine.connect() as connection:
        assert connection.scalar(text("SELECT cost FROM livedash.ai_processing_request")) == Decimal("0.001")
        assert stored_totals(connection) == recount(connection)

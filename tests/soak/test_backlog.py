"""A backlog larger than a run, and runs that overlap, under the real scheduler."""

from __future__ import annotations

import time

from tests.e2e.client import FETCH, Client
from tests.waiting import wait_until

#: More than the two lanes of a run and those of three backfills claim at first: 64 each.
SESSIONS = 400
#: One in so many has a transcript at first.
KEPT_EVERY = 8
KEPT = SESSIONS // KEPT_EVERY
LOST = SESSIONS - KEPT


def test_a_backlog_larger_than_a_run_is_continued_and_overlapping_runs_process_each_session_once(client: Client):
    ids = client.publish(SESSIONS)
    lost = client.lose([one for number, one in enumerate(ids) if number % KEPT_EVERY])
    with client.site.shut():
        client.run_import()
        lane = wait_until(lambda: len(client.site.asked) > 20 and client.running_lane(), "two lanes at work")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 4, "the end of the lanes' time")
    wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["FAILED"] == LOST, f"{LOST} failed fetches")
    assert client.counts("TRANSCRIPT_FETCH")["COMPLETED"] == KEPT
    woken = client.api.get("/api/v2/assets/events", params={"source_run_id": lane["dag_run_id"]}).json()
    assert {"woken_by": "TRANSCRIPT_FETCH"} in [event["extra"] for event in woken["asset_events"]]

    client.site.answers |= lost
    client.site.asked.clear()
    backfills = {"dag_id": FETCH, "active": True}
    # Airflow takes note of the end of a DAG's backfill after half a minute, and refuses another until then.
    wait_until(
        lambda: not client.api.get("/ui/backfills", params=backfills).json()["backfills"], "the end of any backfill"
    )
    with client.site.shut():
        manual = client.trigger(FETCH, company=client.name, retry_failed=True)
        wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"], "claims of the manual run")
        days = {"from_date": "2026-03-02T00:00:00Z", "to_date": "2026-03-04T00:00:00Z", "max_active_runs": 3}
        wanted = {"dag_id": FETCH, "reprocess_behavior": "completed", **days}
        client.api.post("/api/v2/backfills", json=wanted).raise_for_status()
        # Two lanes of the manual run hold a claim each for most of a minute; the backfills take the rest.
        wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["COMPLETED"] > KEPT, "sessions fetched by the backfills")
        assert client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"] >= 200
    wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["COMPLETED"] == SESSIONS, "all sessions fetched")

    assert set(client.site.fetched().values()) == {1}
    assert len(client.site.fetched()) == LOST
    assert client.end_of(FETCH, manual) == "success"
    runs = client.api.get(f"/api/v2/dags/{FETCH}/dagRuns", params={"run_type": "backfill"}).json()["dag_runs"]
    assert len({run["data_interval_start"] for run in runs}) == 3
    for external_id in ids[:4]:
        stage = client.fetch(external_id)
        assert (stage["attempts"], len(stage["failures"])) == (1, int(client.path(external_id) in lost))

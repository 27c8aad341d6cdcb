"""Runs under the real scheduler: forms, a backfill, the Asset chain, and lanes that are stopped or killed."""

from __future__ import annotations

import os
import signal
from typing import Any

from tests.e2e.client import FETCH, Client
from tests.e2e.conftest import Stack
from tests.waiting import wait_until


def test_a_manual_import_starts_the_chain_and_a_backfill_retries_failed_sessions_of_its_days_only(
    stack: Stack, client: Client
):
    ids = client.publish(6)
    lost = client.lose(ids[:3])  # one of each day
    client.run_import()
    wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["FAILED"] == 3, "three failed fetches")
    client.site.answers |= lost

    day = ("--from-date", "2026-03-03", "--to-date", "2026-03-03")
    stack.airflow("backfill", "create", "--dag-id", FETCH, *day, "--reprocess-behavior", "completed")

    first, mended, last = ids[:3]
    wait_until(lambda: client.counts("QUESTION_EXTRACTION")["COMPLETED"] == 4, "the day's session through the chain")
    assert [client.fetch(one)["status"] for one in (first, mended, last)] == ["FAILED", "COMPLETED", "FAILED"]
    fetched = client.site.fetched()
    assert [fetched[client.path(one)] for one in (first, mended, last, ids[4])] == [1, 2, 1, 1]

    run_id = client.trigger(FETCH, company=client.name, retry_failed=True, **{"from": "2026-03-04"})
    assert client.end_of(FETCH, run_id) == "success"
    assert [client.fetch(one)["status"] for one in (first, last)] == ["FAILED", "COMPLETED"]
    said = client.log(FETCH, run_id, "lane")
    assert f"sessions of {client.name} that started on 2026-03-04 00:00Z or later; sessions due: 1" in said
    assert "claimed  completed  failed  skipped  released  seconds  sessions/s" in said


def test_an_invalid_form_is_refused(client: Client):
    refused = client.api.post(
        f"/api/v2/dags/{FETCH}/dagRuns", json={"logical_date": None, "conf": {"from": "yesterday", "limit": 0}}
    )
    run_id = client.trigger(FETCH, compny=client.name)

    assert refused.status_code == 400
    assert client.end_of(FETCH, run_id) == "failed"
    assert "the run's conf has unknown keys compny" in client.log(FETCH, run_id, "plan")


def test_imports_have_no_backfills(client: Client):
    days = {"from_date": "2026-03-02T00:00:00Z", "to_date": "2026-03-03T00:00:00Z"}
    answer = client.api.post("/api/v2/backfills", json={"dag_id": "livedash_csv_import", **days})

    assert answer.status_code == 400
    assert "does not allow backfill runs" in answer.text


def test_a_failed_or_timed_out_lane_releases_its_claims_and_those_of_a_killed_lane_are_reclaimed(
    stack: Stack, client: Client
):
    def waiting(ids: list[str]) -> list[str]:
        """The released sessions, without a counted attempt. An expired lease keeps its sessions until a claim."""
        wait_until(lambda: not client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"], "all given back")
        found = [one for one in ids if client.fetch(one)["status"] == "PENDING"]
        assert len(found) > 10
        assert {client.fetch(one)["attempts"] for one in found} == {0}
        return found

    def lane_with(ids: list[str]) -> dict[str, Any]:
        wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"] == len(ids), "claims of all that wait")
        return client.running_lane()

    ids = client.publish(50)
    with client.site.shut():
        client.run_import()
        lane = lane_with(ids)
        task = f"/api/v2/dags/{FETCH}/dagRuns/{lane['dag_run_id']}/taskInstances/lane/{lane['map_index']}"
        client.api.patch(task, json={"new_state": "failed"}).raise_for_status()
        ids = waiting(ids)

        run_id = client.trigger(FETCH, company=client.name)
        lane_with(ids)
        stack.backdate(FETCH, run_id)
        assert client.end_of(FETCH, run_id) == "failed"  # dagrun_timeout
        ids = waiting(ids)

        run_id = client.trigger(FETCH, company=client.name)
        os.kill(lane_with(ids)["pid"], signal.SIGKILL)
    # The lane that Airflow starts in its place finds the lease run out.
    assert client.end_of(FETCH, run_id) == "success"

    assert client.counts("TRANSCRIPT_FETCH")["COMPLETED"] == 50
    for external_id in ids:
        stage = client.fetch(external_id)
        assert stage["attempts"] == 2
        ((kind, dag_run),) = [(failure["error_kind"], failure["dag_run"]) for failure in stage["failures"]]
        assert (kind, dag_run) == ("lease_expired", f"{FETCH}/{run_id}")

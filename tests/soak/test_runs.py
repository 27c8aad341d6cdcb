"""Runs under the real scheduler: forms, backfills, the chain, and lanes that do not live to their end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import httpx2
import pytest
from sqlalchemy import Engine

from livedash_core.db import make_engine
from livedash_core.local.embedded_postgres import Address
from livedash_core.local.environment import LocalInstallation
from livedash_core.operations.companies import company_id, save_company, set_status
from livedash_core.operations.sessions import describe_session, find_session
from livedash_core.status import STAGES, read_breakdown
from tests.e2e.conftest import Stack
from tests.integration.stages.website import CSV, Answer, Site

FETCH = "livedash_transcript_fetch"
DAYS = ("02", "03", "04")  # of March 2026, long before the sample's sessions


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"after {seconds} s still not: {what}"
        time.sleep(0.5)  # polls another process; there is nothing to hook into
    return found


#: Less than the fetcher's patience with a silent server.
HELD_SECONDS = 8


class Gate(Site):
    """Each transcript waits a while when the gate is shut: no fetch fails, and no lane gets through its batch soon."""

    def __init__(self) -> None:
        super().__init__()
        self.open = Event()
        self.open.set()

    def answer(self, path: str) -> Answer:
        answer = super().answer(path)
        if path != CSV:
            self.open.wait(HELD_SECONDS)
        return answer

    def fetched(self) -> Counter[str]:
        return Counter(path for path in self.asked if path != CSV)


class Client:
    """A company, its web server, and what a person does about it."""

    def __init__(self, stack: Stack, api: httpx2.Client, engine: Engine, name: str, site: Gate) -> None:
        self.stack, self.api, self.engine, self.name, self.site = stack, api, engine, name, site

    def publish(self, sessions: int) -> list[str]:
        """Rows in turn over the three days; returns their ids. Their transcripts are there."""
        ids = [f"{self.name}-{number}" for number in range(sessions)]
        rows = []
        for number, external_id in enumerate(ids):
            day = f"{DAYS[number % 3]}.03.2026"
            times = {"start_time": f"{day} 12:00:00", "end_time": f"{day} 12:05:00"}
            rows.append(self.site.row(external_id, **times))
        self.site.publish(rows)
        return ids

    def lose(self, ids: list[str]) -> dict[str, Answer]:
        """Take these transcripts away; returns them."""
        return {path: self.site.answers.pop(path) for path in map(self.path, ids)}

    @staticmethod
    def path(external_id: str) -> str:
        return f"/transcripts/{external_id}.txt"

    def counts(self, stage: str) -> dict[str, int]:
        with self.engine.connect() as connection:
            return read_breakdown(connection, STAGES, [company_id(connection, self.name)]).stages[stage]

    def fetch(self, external_id: str) -> dict[str, Any]:
        """How the session's TRANSCRIPT_FETCH stands, with every failed attempt."""
        with self.engine.connect() as connection:
            session = describe_session(connection, find_session(connection, external_id), STAGES)
        return next(stage for stage in session["stages"] if stage["stage"] == "TRANSCRIPT_FETCH")

    def trigger(self, dag_id: str, **conf: Any) -> str:
        answer = self.api.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf})
        assert answer.status_code == 200, answer.text
        return answer.json()["dag_run_id"]

    def run_import(self) -> None:
        run_id = self.trigger("livedash_csv_import", company=self.name)
        assert self.end_of("livedash_csv_import", run_id) == "success"

    def end_of(self, dag_id: str, run_id: str) -> str:
        def state() -> str | None:
            found = self.api.get(f"/api/v2/dags/{dag_id}/dagRuns/{run_id}").json()["state"]
            return found if found in ("success", "failed") else None

        return wait_until(state, f"the end of {dag_id} {run_id}")

    def log(self, dag_id: str, run_id: str, task: str) -> str:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/logs/1"
        map_index = 0 if task == "lane" else -1
        answer = self.api.get(path, params={"map_index": map_index}, headers={"Accept": "application/json"})
        return "\n".join(str(entry.get("event")) for entry in answer.json()["content"])

    def running_lane(self) -> dict[str, Any]:
        """The lane that fetches now."""

        def lane() -> dict[str, Any] | None:
            found = self.api.get(
                f"/api/v2/dags/{FETCH}/dagRuns/~/taskInstances", params={"state": "running", "task_id": "lane"}
            ).json()["task_instances"]
            return next((task for task in found if task["task_id"] == "lane" and task["pid"]), None)

        return wait_until(lane, "a lane that runs")


@pytest.fixture
def client(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Client]:
    """A company of the test's own."""
    name = request.node.name.removeprefix("test_")[:20]
    # Straight from the database: a command line that polls would take the time of those that it watches.
    home = LocalInstallation(Path(stack.environment["LIVEDASH_HOME"]))
    engine = make_engine(Address(home.postgres, home.database).url())
    with Gate() as site, stack.api() as api:
        site.publish([])
        with engine.begin() as connection:
            save_company(connection, name, {"csv_url": site.csv_url, "allowed_networks": ["127.0.0.0/8"]})
        yield Client(stack, api, engine, name, site)
        site.open.set()
        with engine.begin() as connection:
            set_status(connection, name, "ARCHIVED")  # its server ends with the test
    engine.dispose()


@contextmanager
def shut(site: Gate) -> Iterator[None]:
    site.open.clear()
    try:
        yield
    finally:
        site.open.set()


def backfill(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    """`airflow backfill create` as a data engineer types it."""
    installation = LocalInstallation(Path(stack.environment["LIVEDASH_HOME"]))
    airflow = Path(sys.executable).parent / "airflow"
    environment = stack.environment | installation.airflow_environment()
    command = [airflow, "backfill", "create", "--reprocess-behavior", "completed", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_form_starts_the_chain_and_a_backfill_mends_the_failed_sessions_of_its_days_alone(client: Client):
    ids = client.publish(6)
    lost = client.lose(ids[:3])  # one of each day
    client.run_import()
    wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["FAILED"] == 3, "three failed fetches")
    client.site.answers |= lost

    done = backfill(client.stack, "--dag-id", FETCH, "--from-date", "2026-03-03", "--to-date", "2026-03-03")

    assert done.returncode == 0, done.stderr
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


def test_a_form_that_makes_no_sense_is_refused(client: Client):
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


def test_a_backlog_outlives_its_run_and_runs_that_overlap_see_each_session_once(client: Client):
    ids = client.publish(240)
    lost = client.lose([one for number, one in enumerate(ids) if number % 8])
    with shut(client.site):
        client.run_import()
        lane = wait_until(lambda: len(client.site.asked) > 20 and client.running_lane(), "two lanes at work")
        began = time.monotonic()
        wait_until(lambda: time.monotonic() > began + 4, "the end of the lanes' time")
    wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["FAILED"] == 210, "210 failed fetches")
    assert client.counts("TRANSCRIPT_FETCH")["COMPLETED"] == 30
    woken = client.api.get("/api/v2/assets/events", params={"source_run_id": lane["dag_run_id"]}).json()
    assert {"woken_by": "TRANSCRIPT_FETCH"} in [event["extra"] for event in woken["asset_events"]]

    client.site.answers |= lost
    client.site.asked.clear()
    backfills = {"dag_id": FETCH, "active": True}
    # Airflow takes note of the end of a DAG's backfill after half a minute, and refuses another until then.
    wait_until(
        lambda: not client.api.get("/ui/backfills", params=backfills).json()["backfills"], "the end of any backfill"
    )
    with shut(client.site):
        manual = client.trigger(FETCH, company=client.name, retry_failed=True)
        wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"], "claims of the manual run")
        days = {"from_date": "2026-03-02T00:00:00Z", "to_date": "2026-03-04T00:00:00Z", "max_active_runs": 3}
        wanted = {"dag_id": FETCH, "reprocess_behavior": "completed", **days}
        client.api.post("/api/v2/backfills", json=wanted).raise_for_status()
        # Two lanes of the manual run hold a batch of 100 each for most of a minute; the backfills take the rest.
        wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["COMPLETED"] > 30, "sessions fetched by the backfills")
        assert client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"] >= 200
    wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["COMPLETED"] == 240, "all 240 fetched")

    assert set(client.site.fetched().values()) == {1}
    assert len(client.site.fetched()) == 210
    assert client.end_of(FETCH, manual) == "success"
    runs = client.api.get(f"/api/v2/dags/{FETCH}/dagRuns", params={"run_type": "backfill"}).json()["dag_runs"]
    assert len({run["data_interval_start"] for run in runs}) == 3
    for external_id in ids[:4]:
        stage = client.fetch(external_id)
        assert (stage["attempts"], len(stage["failures"])) == (1, int(client.path(external_id) in lost))


def test_a_task_that_is_marked_failed_gives_back_what_it_holds_and_a_killed_one_loses_its_lease(client: Client):
    ids = client.publish(50)
    with shut(client.site):
        client.run_import()
        wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"] == 50, "claims of all 50")
        lane = client.running_lane()
        task = f"/api/v2/dags/{FETCH}/dagRuns/{lane['dag_run_id']}/taskInstances/lane/{lane['map_index']}"
        client.api.patch(task, json={"new_state": "failed"}).raise_for_status()

        # Before its lease runs out, and with the attempts given back.
        wait_until(lambda: not client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"], "all given back", 18)
        waiting = [one for one in ids if client.fetch(one)["status"] == "PENDING"]
        assert len(waiting) > 20
        assert {client.fetch(one)["attempts"] for one in waiting} == {0}

        run_id = client.trigger(FETCH, company=client.name)
        wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["IN_PROGRESS"] == len(waiting), "claims of them all")
        os.kill(client.running_lane()["pid"], signal.SIGKILL)
        killed = time.monotonic()
    assert client.end_of(FETCH, run_id) == "success"  # Airflow's retry of the lane found nothing it may touch
    wait_until(lambda: time.monotonic() > killed + 21, "the end of the lease")

    client.run_import()  # which wakes every stage with an expired lease

    wait_until(lambda: client.counts("TRANSCRIPT_FETCH")["COMPLETED"] == 50, "all 50 fetched")
    for external_id in waiting:
        stage = client.fetch(external_id)
        assert stage["attempts"] == 2
        ((kind, dag_run),) = [(failure["error_kind"], failure["dag_run"]) for failure in stage["failures"]]
        assert (kind, dag_run) == ("lease_expired", f"{FETCH}/{run_id}")

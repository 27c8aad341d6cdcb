"""A distributed installation loses each of its components once; every session is processed all the same, and once.

The tests share the components and each has a company of its own. They are not part of ``make test``: see
``make test-distributed``.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from livedash_core.operations.companies import add_company, company_id
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import read_breakdown
from tests.distributed.cluster import HEARTBEAT_TIMEOUT_SECONDS, PATIENCE_SECONDS, WORKERS, Cluster
from tests.integration.stages.batch_server import BatchServer, End, all_answered
from tests.integration.stages.website import Site
from tests.waiting import wait_until

SESSIONS = 240
FIRST_DAG, ANALYSIS_DAG = "livedash_csv_import", "livedash_ai_analysis"


class Model(BatchServer):
    """A model server that takes a while for each call."""

    seconds = 0.2

    def handle(self, method: str, path: str, query: dict[str, list[str]], content: bytes) -> tuple[int, bytes]:
        if path == "/chat/completions":
            time.sleep(self.seconds)
        return super().handle(method, path, query, content)


@pytest.fixture(scope="module")
def model() -> Iterator[Model]:
    with Model() as model:
        yield model


@pytest.fixture(scope="module")
def cluster(model: Model) -> Iterator[Cluster]:
    # Not pytest's tmp_path: as root PostgreSQL runs as another user, who must be able to reach the directory.
    with (
        tempfile.TemporaryDirectory(prefix="livedash-distributed-", ignore_cleanup_errors=True) as directory,
        Cluster(Path(directory), model.url) as cluster,
    ):
        yield cluster


class Customer:
    """A company with its web server, and its sessions in the cluster."""

    def __init__(self, cluster: Cluster, site: Site, name: str, sessions: int, **settings: Any) -> None:
        self.cluster, self.name, self.number = cluster, name, sessions
        site.publish(
            [site.row(f"{name}-{number}", f"User: {name} {number}?\nAssistant: Yes.\n") for number in range(sessions)]
        )
        with cluster.engine.begin() as connection:
            add_company(connection, name, {"csv_url": site.csv_url, "allowed_networks": ["127.0.0.0/8"], **settings})
            self.id = company_id(connection, name)

    def import_csv(self) -> None:
        with self.cluster.api() as api:
            conf = {"logical_date": None, "conf": {"company": self.name}}
            api.post(f"/api/v2/dags/{FIRST_DAG}/dagRuns", json=conf).raise_for_status()

    def counts(self, stage: str) -> dict[str, int]:
        with self.cluster.engine.connect() as connection:
            return read_breakdown(connection, BUILT_IN, [self.id]).stages[stage]

    def wait_for(self, stage: str, status: str) -> None:
        wait_until(
            lambda: self.counts(stage)[status], f"a session of {self.name} is {status} in {stage}", PATIENCE_SECONDS
        )

    def wait_for_end(self) -> float:
        """Wait until every session has passed every stage; return the seconds that it took."""
        began = time.monotonic()
        last = BUILT_IN.names[-1]

        def finished() -> bool:
            counts = self.counts(last)
            return counts["COMPLETED"] + counts["SKIPPED"] == self.number

        wait_until(finished, f"all sessions of {self.name} are through", 900)
        return time.monotonic() - began


@pytest.fixture
def customer(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Customer]:
    settings = getattr(request, "param", {})
    with Site() as site:
        yield Customer(cluster, site, request.node.name.removeprefix("test_")[:30], SESSIONS, **settings)
        with cluster.engine.begin() as connection:
            connection.execute(text("UPDATE livedash.company SET status = 'ARCHIVED'"))


def lanes(cluster: Cluster) -> list[dict[str, Any]]:
    """The lanes of every run of the analysis that a worker has begun."""
    with cluster.api() as api:
        found = api.get(
            f"/api/v2/dags/{ANALYSIS_DAG}/dagRuns/~/taskInstances", params={"limit": 500, "order_by": "-start_date"}
        )
        lanes = (one for one in found.json()["task_instances"] if one["task_id"] == "lane")
        return [lane for lane in lanes if lane["hostname"]]  # a skipped task has none


def test_the_lanes_of_a_run_are_shared_by_both_workers_and_their_logs_are_shown(cluster: Cluster, customer: Customer):
    customer.import_csv()
    customer.wait_for_end()

    found = lanes(cluster)
    assert {lane["hostname"] for lane in found} == set(WORKERS)
    with cluster.api() as api:
        for address in WORKERS:
            lane = next(lane for lane in found if lane["hostname"] == address)
            path = (
                f"/api/v2/dags/{ANALYSIS_DAG}/dagRuns/{lane['dag_run_id']}/taskInstances/lane/logs/{lane['try_number']}"
            )
            log = api.get(path, params={"map_index": lane["map_index"]}).text
            assert "sessions/s" in log, log


def test_the_sessions_of_a_killed_worker_are_processed_by_the_other(cluster: Cluster, customer: Customer, model: Model):
    model.seconds = 10.0  # long enough to be in the middle of the first calls
    customer.import_csv()
    victim = WORKERS[1]
    wait_until(
        lambda: any(lane["state"] == "running" and lane["hostname"] == victim for lane in lanes(cluster)),
        f"a lane runs on {victim}",
        PATIENCE_SECONDS,
    )
    customer.wait_for("AI_ANALYSIS", "IN_PROGRESS")

    cluster.kill(victim)
    model.seconds = 0.2

    seconds = customer.wait_for_end()
    print(f"\na killed worker: all sessions through after {seconds:.0f} s; heartbeat {HEARTBEAT_TIMEOUT_SECONDS} s")
    cluster.restart(victim)


def test_tasks_are_started_after_the_broker_was_killed(cluster: Cluster, customer: Customer):
    customer.import_csv()
    customer.wait_for("TRANSCRIPT_FETCH", "COMPLETED")
    cluster.kill("redis")
    time.sleep(5)  # the components notice that it is gone
    cluster.restart("redis")
    customer.wait_for_end()


def test_the_second_scheduler_goes_on_when_the_first_is_killed(cluster: Cluster, customer: Customer):
    customer.import_csv()
    customer.wait_for("TRANSCRIPT_FETCH", "COMPLETED")
    cluster.kill("scheduler-1")
    customer.wait_for_end()
    cluster.restart("scheduler-1")


def test_an_api_server_that_is_away_for_a_minute_delays_and_loses_nothing(cluster: Cluster, customer: Customer):
    customer.import_csv()
    customer.wait_for("TRANSCRIPT_FETCH", "COMPLETED")
    cluster.kill("api-server")
    time.sleep(60)  # the length of the outage is what is tested
    cluster.restart("api-server")
    customer.wait_for_end()


@pytest.mark.parametrize("customer", [{"mode": "batch"}], indirect=True)
def test_a_batch_is_collected_after_the_triggerer_was_killed_while_it_waited(
    cluster: Cluster, customer: Customer, model: Model
):
    model.ends = [End(output=all_answered, looks=10**6)]
    customer.import_csv()
    wait_until(
        lambda: any(lane["state"] == "deferred" for lane in lanes(cluster)),
        "the lane waits for its batch",
        PATIENCE_SECONDS,
    )
    cluster.kill("triggerer")
    for batch in model.batches.values():
        batch["looks"] = 0
    cluster.restart("triggerer")
    customer.wait_for_end()


def test_every_session_ended_once_and_every_call_is_in_the_ledger(cluster: Cluster, model: Model):
    wait_until(lambda: not _queued_events(cluster), "no Asset event is left in the queue", 120)
    with cluster.engine.connect() as connection:
        rows = connection.execute(
            text("SELECT status, count(*) FROM livedash.session_processing_status GROUP BY status ORDER BY status")
        ).all()
        assert {row.status for row in rows} <= {"COMPLETED", "SKIPPED"}, rows
        outcomes = text("SELECT outcome, count(*) FROM livedash.ai_processing_request GROUP BY outcome")
        calls = {row.outcome: row.count for row in connection.execute(outcomes)}
    billed = sum(model.billed.values())
    # A killed worker's calls: recorded, and perhaps sent.
    assert calls["answered"] <= billed <= calls["answered"] + calls.get("sent", 0) + calls.get("unknown", 0), calls


def _queued_events(cluster: Cluster) -> int:
    with cluster.airflow_engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM asset_dag_run_queue")).scalar_one())

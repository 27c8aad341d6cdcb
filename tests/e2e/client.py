"""A company beside a running `livedash up`, and what a data engineer does with its sessions through Airflow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

import httpx2
from sqlalchemy import Engine

from livedash_core.operations.companies import company_id
from livedash_core.operations.sessions import describe_session, find_session
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import read_breakdown
from tests.integration.stages.website import CSV, Answer, Site
from tests.waiting import wait_until

FETCH = "livedash_transcript_fetch"
DAYS = ("02", "03", "04")  # of March 2026, long before the sample's sessions
#: Less than the fetcher's patience with a silent server.
HELD_SECONDS = 8


def counts(engine: Engine, company: str, stage: str) -> dict[str, int]:
    """The number of the company's sessions in each status of a stage."""
    with engine.connect() as connection:
        return read_breakdown(connection, BUILT_IN, [company_id(connection, company)]).stages[stage]


class Gate(Site):
    """While the gate is shut, transcripts are answered late: no fetch fails, and lanes keep their claims."""

    def __init__(self) -> None:
        super().__init__()
        self._open = Event()
        self._open.set()

    def answer(self, path: str, etag: str = "") -> Answer:
        answer = super().answer(path, etag)
        if path != CSV:
            self._open.wait(HELD_SECONDS)
        return answer

    @contextmanager
    def shut(self) -> Iterator[None]:
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def fetched(self) -> Counter[str]:
        return Counter(path for path in self.asked if path != CSV)


class Client:
    """The company of one test, and its web server."""

    def __init__(self, api: httpx2.Client, engine: Engine, name: str, site: Gate) -> None:
        self.api, self.engine, self.name, self.site = api, engine, name, site

    def publish(self, sessions: int) -> list[str]:
        """Publish sessions with transcripts, spread over the three days; returns their ids."""
        ids = [f"{self.name}-{number}" for number in range(sessions)]
        rows = []
        for number, external_id in enumerate(ids):
            day = f"{DAYS[number % 3]}.03.2026"
            times = {"start_time": f"{day} 12:00:00", "end_time": f"{day} 12:05:00"}
            rows.append(self.site.row(external_id, **times))
        self.site.publish(rows)
        return ids

    def lose(self, ids: list[str]) -> dict[str, Answer]:
        """Remove these transcripts from the server; returns them."""
        return {path: self.site.answers.pop(path) for path in map(self.path, ids)}

    @staticmethod
    def path(external_id: str) -> str:
        return f"/transcripts/{external_id}.txt"

    def counts(self, stage: str) -> dict[str, int]:
        return counts(self.engine, self.name, stage)

    def fetch(self, external_id: str) -> dict[str, Any]:
        """The session's TRANSCRIPT_FETCH status, with every failed attempt."""
        with self.engine.connect() as connection:
            session = describe_session(connection, find_session(connection, external_id), BUILT_IN)
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

    def log(self, dag_id: str, run_id: str, task: str, attempt: int = 1) -> str:
        path = f"/api/v2/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task}/logs/{attempt}"
        map_index = 0 if task == "lane" else -1
        answer = self.api.get(path, params={"map_index": map_index}, headers={"Accept": "application/json"})
        return "\n".join(str(entry.get("event")) for entry in answer.json()["content"])

    def running_lane(self) -> dict[str, Any]:
        """A lane of TRANSCRIPT_FETCH that is running."""

        def lane() -> dict[str, Any] | None:
            found = self.api.get(
                f"/api/v2/dags/{FETCH}/dagRuns/~/taskInstances", params={"state": "running", "task_id": "lane"}
            ).json()["task_instances"]
            return next((task for task in found if task["task_id"] == "lane" and task["pid"]), None)

        return wait_until(lane, "a lane that runs")

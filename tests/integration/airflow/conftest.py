"""Airflow without a scheduler, in a process beside the tests."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

HERE = Path(__file__).parent
DAGS = HERE.parents[2] / "dags"


@dataclass
class Finished:
    """The result of a DAG run."""

    run_id: str
    state: str
    #: Task → its state and its try number; a lane is called ``lane[0]``.
    tasks: dict[str, list[Any]]
    #: Asset and extra of every Asset event of the run.
    events: list[list[Any]]
    metrics: dict[str, float]
    #: The log records of our own loggers, each as its fields.
    log: list[dict[str, Any]]

    def states(self) -> dict[str, str]:
        return {task: state for task, (state, _) in self.tasks.items()}

    def errors(self) -> list[str]:
        return [entry["event"] for entry in self.log if entry["level"] == "error"]

    def says(self, words: str) -> bool:
        return any(words in entry["event"] for entry in self.log)


Run = Callable[..., Finished]


@pytest.fixture(scope="package")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Airflow's database and logs."""
    return tmp_path_factory.mktemp("airflow")


@contextmanager
def airflow_at(home: Path, **more: str) -> Iterator[subprocess.Popen[str]]:
    """Run `run_dags.py` with its own Airflow home."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LIVEDASH"))}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(DAGS),
        "AIRFLOW__LOGGING__JSON_LOGS": "True",
    }
    environment |= more
    program = [sys.executable, str(HERE / "run_dags.py"), str(DAGS), str(home / "log")]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True
    ) as process:
        yield process
        process.stdin.close()  # it ends at the end of its input


@pytest.fixture(scope="package")
def airflow(airflow_home: Path) -> Iterator[subprocess.Popen[str]]:
    with airflow_at(airflow_home) as process:
        yield process


def ask(
    airflow: subprocess.Popen[str],
    database_url: str,
    stage: str,
    run_type: str,
    conf: dict[str, Any] | None = None,
    *,
    interval: tuple[str, str] | None = None,
    connection: dict[str, Any] | None = None,
    connected: bool = True,
    environment: dict[str, str] | None = None,
    cleared_run: str | None = None,
) -> None:
    """Request one run of a stage's DAG against a database; ``answer_of`` waits for its end.

    With the id of a finished run, that run is cleared and runs again.
    """
    url = make_url(database_url)
    ours = {"conn_type": "postgres", "host": url.query["host"], "login": url.username, "schema": url.database}
    request = {
        "dag_id": f"livedash_{stage.lower()}",
        "run_type": run_type,
        "conf": conf or {},
        "interval": interval,
        "cleared_run": cleared_run,
        # Airflow takes an empty variable for one that is not set.
        "environment": {
            "AIRFLOW_CONN_LIVEDASH_POSTGRES": json.dumps(ours | (connection or {})) if connected else "",
            **(environment or {}),
        },
    }
    airflow.stdin.write(json.dumps(request) + "\n")
    airflow.stdin.flush()


def answer_of(airflow: subprocess.Popen[str]) -> Finished:
    answer = airflow.stdout.readline()
    assert answer, "run_dags.py has ended"
    return Finished(**json.loads(answer))


@pytest.fixture
def run(airflow: subprocess.Popen[str], database_url: str) -> Run:
    """Run a stage's DAG once against the test's own database."""

    def run(*request: Any, **options: Any) -> Finished:
        ask(airflow, database_url, *request, **options)
        return answer_of(airflow)

    return run

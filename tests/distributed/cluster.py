"""The components of a distributed installation as processes, with two Celery workers and two schedulers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Self

import httpx2
import psutil
from sqlalchemy import Engine

from livedash_core.db import make_engine
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.local.environment import USER, LocalInstallation, Ports
from livedash_core.operations.upgrade import upgrade
from livedash_core.pipeline import BUILT_IN
from tests.distributed.celery_worker import ADDRESS
from tests.e2e.conftest import free_port
from tests.waiting import wait_until

OURS = ("AIRFLOW", "LIVEDASH", "OPENAI")
ROOT = Path(__file__).parents[2]
WORKERS = ("127.0.0.2", "127.0.0.3")
#: Far more than it takes on an idle machine.
START_SECONDS = 420
PATIENCE_SECONDS = 300
#: As docker-compose.yaml sets it, and the goal for a dead worker's sessions.
HEARTBEAT_TIMEOUT_SECONDS = 45


class Cluster:
    """A context manager that starts every component, and ends each of them by its process id."""

    def __init__(self, directory: Path, model_url: str) -> None:
        self.installation = LocalInstallation(directory / "home")
        self.redis_directory = directory / "redis"
        self._model_url = model_url
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self._engines: list[Engine] = []
        self._commands: dict[str, tuple[list[str], dict[str, str]]] = {}

    def __enter__(self) -> Self:
        self.installation.create()
        for folder in (self.installation.logs, self.installation.airflow, self.redis_directory):
            folder.mkdir(parents=True)
        self._postgres = EmbeddedPostgres(self.installation.postgres)
        self._postgres.__enter__()
        try:
            self._start_all()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for name in [*self._processes]:
            self.kill(name)
        for engine in self._engines:
            engine.dispose()
        self._postgres.__exit__(None, None, None)

    def _start_all(self) -> None:
        ours = self._postgres.database(self.installation.database)
        theirs = self._postgres.database(self.installation.airflow_database)
        self.engine: Engine = make_engine(ours.url())
        self.airflow_engine: Engine = make_engine(theirs.url())
        self._engines = [self.engine, self.airflow_engine]
        upgrade(self.engine)
        self.port, redis_port = free_port(), free_port()
        connection = {"conn_type": "postgres", "host": str(ours.socket_directory), "login": "postgres"}
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(OURS)},
            **self.installation.airflow_environment(ours.socket_directory, Ports(self.port, free_port(), free_port())),
            "PYTHONPATH": str(ROOT),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "32",
            "AIRFLOW__CORE__HOSTNAME_CALLABLE": "tests.distributed.celery_worker.hostname",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://:secret@127.0.0.1:{redis_port}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": "db+" + theirs.url("postgresql+psycopg2"),
            "AIRFLOW__CELERY__WORKER_CONCURRENCY": "3",
            "AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS": "livedash_core.airflow.celery_config.CELERY_CONFIG",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": str(HEARTBEAT_TIMEOUT_SECONDS),
            "AIRFLOW_CONN_LIVEDASH_POSTGRES": json.dumps(connection | {"schema": self.installation.database}),
            "AIRFLOW_CONN_LIVEDASH_OPENAI": json.dumps(
                {"conn_type": "generic", "host": self._model_url, "password": "sk-test"}
            ),
            "LIVEDASH_LANES": "4",
            "LIVEDASH_LEASE_SECONDS": "30",
            "LIVEDASH_BATCH_POLL_SECONDS": "2",
        }
        self._prepare()
        redis = ["redis-server", "--bind", "127.0.0.1", "--port", str(redis_port), "--requirepass", "secret"]
        self._start("redis", [*redis, "--appendonly", "yes", "--dir", str(self.redis_directory)])
        for name in ("api-server", "dag-processor"):
            self._start(name, [sys.executable, "-m", "airflow", name])
        dag_ids = set(BUILT_IN.dag_ids)
        wait_until(lambda: dag_ids <= self._dag_ids(), "the DAGs are there", START_SECONDS)
        for address in WORKERS:
            # A log folder of its own, as on another machine: the API server must ask the worker.
            logs = {"AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(self.installation.logs / address), ADDRESS: address}
            self._start(address, [sys.executable, "-m", "tests.distributed.celery_worker"], logs)
        for name in ("scheduler-1", "scheduler-2"):
            self._start(name, [sys.executable, "-m", "airflow", "scheduler", "--skip-serve-logs"])
        self._start("triggerer", [sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs"])

    def _prepare(self) -> None:
        passwords = self.installation.airflow / "passwords.json"
        passwords.write_text(json.dumps({USER: self.installation.secrets["admin_password"]}))
        command = [sys.executable, "-m", "livedash_core.airflow.prepare"]
        subprocess.run(command, env=self.environment, input=b"{}", check=True, capture_output=True)

    def _start(self, name: str, command: list[str], environment: dict[str, str] | None = None) -> None:
        self._commands[name] = command, environment or {}
        with (self.installation.logs / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                env=self.environment | (environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def kill(self, name: str) -> None:
        """Send SIGKILL to a component and to every process that it started."""
        process = self._processes.pop(name)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        for one in family:
            with suppress(psutil.NoSuchProcess):
                one.send_signal(signal.SIGKILL)
        process.wait()
        psutil.wait_procs(family, timeout=10)

    def restart(self, name: str) -> None:
        """Start a killed component again."""
        self._start(name, *self._commands[name])

    @contextmanager
    def api(self) -> Iterator[httpx2.Client]:
        """Airflow's REST API, logged in."""
        with httpx2.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False) as client:
            login = {"username": USER, "password": self.installation.secrets["admin_password"]}
            answer = client.post("/auth/token", json=login)
            answer.raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client

    def _dag_ids(self) -> set[str]:
        try:
            with self.api() as api:
                return {dag["dag_id"] for dag in api.get("/api/v2/dags", params={"limit": 100}).json()["dags"]}
        except httpx2.HTTPError:
            return set()

"""`livedash up`: start the whole product on one machine, show the first results, stop it again."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, date, datetime
from pathlib import Path

from rich.console import Console
from sqlalchemy import Engine
from sqlalchemy.exc import DBAPIError

from livedash_core.db import make_engine
from livedash_core.errors import ConfigurationError, UnknownCompany
from livedash_core.local.airflow_api import AirflowApi
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.local.environment import SAMPLE_CONNECTION, USER, LocalInstallation, Ports
from livedash_core.local.processes import Processes
from livedash_core.local.sample import COMPANY_NAME, TIMEZONE
from livedash_core.local.sample_source import SampleSource
from livedash_core.local.watch import Renderer, watch_progress
from livedash_core.operations.airflow_version import check_airflow_version
from livedash_core.operations.companies import add_company, update_company
from livedash_core.operations.upgrade import upgrade
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings

START_SECONDS = 240.0
SAMPLE_USER = "livedash"


def run(settings: Settings, render: Renderer) -> int:
    """Start everything, show the first sessions' progress, and wait for Ctrl-C or SIGTERM; return the exit code.

    Raises ``ConfigurationError`` if it cannot start: another `livedash up` uses the folder, the port is taken, or
    Airflow's version is not supported.
    """
    console = Console(highlight=False)
    if settings.database_url is not None:
        raise ConfigurationError("livedash up runs its own database server; unset LIVEDASH_DATABASE_URL to use it")
    check_airflow_version()
    installation = LocalInstallation(settings.home)
    began = time.monotonic()
    try:
        with _interruptible(), ExitStack() as stack:
            stack.enter_context(_exclusive_lock(installation, settings.port))
            ports = Ports(settings.port, *_free_ports(2))
            _require_free(settings.port)
            console.print("Starting PostgreSQL and the sample source …")
            server = stack.enter_context(EmbeddedPostgres(installation.postgres))
            address = server.database(installation.database)
            engine = make_engine(address.url())
            stack.callback(engine.dispose)
            upgrade(engine)
            source = stack.enter_context(_sample(installation))
            _add_sample_company(engine, source)
            server.database(installation.airflow_database)
            environment = installation.airflow_environment(address.socket_directory, ports)
            processes = stack.enter_context(Processes(installation.logs, environment))
            console.print("Preparing Airflow's database …")
            _prepare_airflow(installation, processes, address.socket_directory)

            def check_alive() -> None:
                _check_alive(server, processes)

            stack.enter_context(_component_named(check_alive))
            console.print("Starting Airflow: API server, scheduler, DAG processor, triggerer …")
            _start_airflow(installation, processes, settings.port, check_alive)
            console.print(f"Airflow is ready after {time.monotonic() - began:.0f} s.")
            url = f"http://localhost:{settings.port}"
            console.print(f"\n  [bold]{url}[/bold]   user [bold]{USER}[/bold]   password ", end="")
            console.print(installation.secrets["admin_password"], style="bold", markup=False)
            console.print("  Open LiveDash in the menu on the left.\n")
            watch_progress(engine, load_pipeline(), render, console, check_alive)
            console.print("\nCtrl-C stops everything; the data stays.\n")
            while True:
                check_alive()
                time.sleep(1)
    except KeyboardInterrupt:
        console.print("Stopped; the data is kept in", end=" ")
        console.print(str(installation.home), markup=False)
        return 0


def _prepare_airflow(installation: LocalInstallation, processes: Processes, socket_directory: Path) -> None:
    installation.airflow.mkdir(parents=True, exist_ok=True)
    _write_private(installation.airflow / "passwords.json", {USER: installation.secrets["admin_password"]})
    connections = {
        "livedash_postgres": {
            "conn_type": "postgres",
            "host": str(socket_directory),
            "login": "postgres",
            "schema": installation.database,
        },
        SAMPLE_CONNECTION: {
            "conn_type": "http",
            "login": SAMPLE_USER,
            "password": installation.secrets["sample_password"],
        },
    }
    if not processes.run("prepare", "livedash_core.airflow.prepare", text=json.dumps(connections)):
        raise ConfigurationError(f"Airflow's database could not be prepared; see {processes.log('prepare')}")


def _start_airflow(
    installation: LocalInstallation, processes: Processes, port: int, check_alive: Callable[[], None]
) -> None:
    """Start Airflow's processes and wait until they are healthy and LiveDash's DAGs can run."""
    dag_ids = set(load_pipeline().dag_ids)
    with AirflowApi(f"http://127.0.0.1:{port}", USER, installation.secrets["admin_password"]) as api:
        for name in ("api-server", "dag-processor"):
            processes.start(name, "airflow", name)
        _wait_for(lambda: dag_ids <= api.dag_ids(), processes, check_alive)
        # The scheduler starts the first run at once, and its tasks need the API server.
        for name in ("scheduler", "triggerer"):
            processes.start(name, "livedash_core.airflow.loopback", name)
        _wait_for(api.healthy, processes, check_alive)


def _wait_for(condition: Callable[[], bool], processes: Processes, check_alive: Callable[[], None]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        check_alive()
        if time.monotonic() > deadline:
            raise ConfigurationError(f"Airflow is not ready after {START_SECONDS:.0f} s; its logs: {processes.logs}")
        time.sleep(0.5)


def _check_alive(server: EmbeddedPostgres, processes: Processes) -> None:
    # Airflow's processes end with their database: it is named first.
    if server.has_ended():
        raise ConfigurationError(f"PostgreSQL has ended; see {server.log}. Start again: livedash up")
    if (name := processes.ended()) is not None:
        raise ConfigurationError(f"Airflow's {name} has ended; see {processes.log(name)}")


@contextmanager
def _component_named(check_alive: Callable[[], None]) -> Iterator[None]:
    """Name the component that has ended when the database fails."""
    try:
        yield
    except DBAPIError:
        check_alive()
        raise


def _add_sample_company(engine: Engine, source: SampleSource) -> None:
    settings = {
        "csv_url": source.csv_url,
        "http_conn_id": SAMPLE_CONNECTION,
        "timezone": TIMEZONE,
        "allowed_networks": ["127.0.0.0/8"],
    }
    with engine.begin() as connection:
        try:
            update_company(connection, COMPANY_NAME, settings)
        except UnknownCompany:
            add_company(connection, COMPANY_NAME, settings)


@contextmanager
def _sample(installation: LocalInstallation) -> Iterator[SampleSource]:
    """Serve the sample with the date and port of the first start: others change the CSV and reopen every session."""
    kept = installation.home / "sample.json"
    port, until = 0, datetime.now(UTC).date()
    if kept.exists():
        first = json.loads(kept.read_text())
        port, until = first["port"] if _is_free(first["port"]) else 0, date.fromisoformat(first["until"])
    with SampleSource(SAMPLE_USER, installation.secrets["sample_password"], port=port, until=until) as source:
        kept.write_text(json.dumps({"port": source.port, "until": until.isoformat()}))
        yield source


@contextmanager
def _exclusive_lock(installation: LocalInstallation, port: int) -> Iterator[None]:
    installation.create()
    with (installation.home / "up.lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise ConfigurationError(f"livedash up is running already, at {lock.read().strip()}") from None
        lock.truncate(0)
        lock.write(f"http://localhost:{port} (process {os.getpid()})")
        lock.flush()
        yield


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raise ``KeyboardInterrupt`` on SIGTERM too; ignore further signals while the processes are stopped."""

    def interrupt(_number: int, _frame: object) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _require_free(port: int) -> None:
    if not _is_free(port):
        raise ConfigurationError(
            f"port {port} is taken; choose another one with the variable LIVEDASH_PORT, for example {port + 1}"
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _free_ports(number: int) -> list[int]:
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def _write_private(path: Path, content: object) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        json.dump(content, file)

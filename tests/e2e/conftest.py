"""Start the product once for all end-to-end tests, as `make up` starts it, and a real browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from playwright.sync_api import Browser, expect, sync_playwright
from sqlalchemy import Engine, text

from livedash_core.db import make_engine
from livedash_core.local.embedded_postgres import Address
from livedash_core.local.environment import LocalInstallation, Ports
from livedash_core.local.processes import Processes
from livedash_core.operations.companies import add_company, set_status
from tests.e2e.client import Client, Gate

LIVEDASH = Path(sys.executable).parent / "livedash"
AIRFLOW = LIVEDASH.with_name("airflow")
#: Far more than the 90 s it should take: how fast it is, the benchmark says, not a test.
START_SECONDS = 420


@dataclass
class Stack:
    """A running `livedash up`."""

    process: subprocess.Popen[str]
    url: str
    username: str
    password: str
    environment: dict[str, str]
    listener: threading.Thread

    @property
    def home(self) -> LocalInstallation:
        return LocalInstallation(Path(self.environment["LIVEDASH_HOME"]))

    @contextmanager
    def database(self) -> Iterator[Engine]:
        """Open LiveDash's database: polling by command line would slow down the processes that it watches."""
        engine = make_engine(Address(self.home.postgres, self.home.database).url())
        yield engine
        engine.dispose()

    def livedash(self, *arguments: str) -> Any:
        """Run a command of the CLI beside it and return what it prints as JSON (None if nothing)."""
        done = subprocess.run([LIVEDASH, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if "--json" in arguments else None

    def airflow(self, *arguments: str) -> None:
        """Run a command of Airflow's CLI as a data engineer types it."""
        done = subprocess.run(
            [AIRFLOW, *arguments],
            env=self.environment | self.home.airflow_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr

    def backdate(self, dag_id: str, run_id: str) -> None:
        """Move a run's start an hour back in Airflow's database, instead of waiting."""
        engine = make_engine(Address(self.home.postgres, self.home.airflow_database).url())
        earlier = "UPDATE dag_run SET start_date = start_date - interval '1 hour' WHERE dag_id = :dag AND run_id = :run"
        with engine.begin() as connection:
            assert connection.execute(text(earlier), {"dag": dag_id, "run": run_id}).rowcount == 1
        engine.dispose()

    @contextmanager
    def api(self) -> Iterator[httpx2.Client]:
        """Airflow's REST API, logged in as the user that `livedash up` names."""
        with httpx2.Client(base_url=self.url, timeout=30, trust_env=False) as client:
            answer = client.post("/auth/token", json={"username": self.username, "password": self.password})
            answer.raise_for_status()
            client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
            yield client

    def stop(self) -> list[psutil.Process]:
        """Ctrl-C; returns the processes that should have ended with it and did not."""
        children = psutil.Process(self.process.pid).children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(120)
        self.listener.join()
        return psutil.wait_procs(children, timeout=10)[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(home: Path, port: int, **environment: str) -> Stack:
    """Start `livedash up` and return when the sessions that were due are processed."""
    cleaned = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "OPENAI"))}
    cleaned |= {"LIVEDASH_HOME": str(home), "LIVEDASH_PORT": str(port), **environment}
    process = subprocess.Popen(
        [LIVEDASH, "up"], env=cleaned, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd="/"
    )
    said: list[str] = []
    ready = threading.Event()

    def listen() -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                said.append(line)
                if "Ctrl-C stops everything" in line:
                    ready.set()
        ready.set()  # it ended

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    ready.wait(START_SECONDS)
    found = re.search(r"(http://localhost:\d+)\s+user (\S+)\s+password (\S+)", "".join(said))
    if found is None:
        process.kill()
        logs = [f"== {log.name}\n{log.read_text()[-2000:]}" for log in sorted((home / "logs").glob("*.log"))]
        pytest.fail("livedash up did not come up:\n" + "".join(said) + "\n".join(logs))
    return Stack(process, *found.groups(), environment=cleaned, listener=listener)


@pytest.fixture(scope="package")
def stack() -> Iterator[Stack]:
    # Not pytest's tmp_path: as root the server runs as another user, who must be able to reach the directory.
    with tempfile.TemporaryDirectory(prefix="livedash-e2e-", ignore_cleanup_errors=True) as directory:
        # Short, so that the tests see a lease run out and a backlog outlive its run without waiting for minutes: a
        # lease is over before Airflow starts a killed lane again, ten seconds later.
        running = start(Path(directory) / "home", free_port(), LIVEDASH_LEASE_SECONDS="9", LIVEDASH_LANE_SECONDS="3")
        yield running
        survivors = running.stop()
        assert not survivors, f"still running after Ctrl-C: {survivors}"


@pytest.fixture
def client(stack: Stack, request: pytest.FixtureRequest) -> Iterator[Client]:
    """Add a company for this test, with its own web server."""
    name = request.node.name.removeprefix("test_")[:20]
    with stack.api() as api, stack.database() as engine, Gate() as site:
        site.publish([])
        with engine.begin() as connection:
            add_company(connection, name, {"csv_url": site.csv_url, "allowed_networks": ["127.0.0.0/8"]})
        yield Client(api, engine, name, site)
        with engine.begin() as connection:
            set_status(connection, name, "ARCHIVED")  # its server ends with the test


@pytest.fixture(scope="package")
def roles(stack: Stack) -> Iterator[Stack]:
    """A second API server of the same Airflow, which knows una, a user, and vera, a viewer. Both have one password."""
    port, password = free_port(), "correct-horse"
    with tempfile.TemporaryDirectory(prefix="livedash-roles-") as directory:
        passwords = Path(directory) / "passwords.json"
        passwords.write_text(json.dumps({"una": password, "vera": password}))
        environment = stack.environment | stack.home.airflow_environment(ports=Ports(port, free_port(), free_port()))
        environment |= {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "una:user,vera:viewer",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        }
        with Processes(Path(directory), environment) as processes:
            processes.start("api-server", "airflow", "api-server")
            server = replace(stack, url=f"http://localhost:{port}", username="una", password=password)
            with httpx2.Client(base_url=server.url, trust_env=False) as client:
                while not answers(client):
                    assert processes.ended() is None, processes.log("api-server").read_text()
                    time.sleep(0.5)  # polls another process; there is nothing to hook into
            yield server


def answers(client: httpx2.Client) -> bool:
    try:
        return client.get("/api/v2/version").status_code == 200
    except httpx2.HTTPError:
        return False


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        reason = "NO BROWSER: the pages were NOT tested. Install Debian's chromium (apt-get install chromium)."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    # Airflow and the browser share two cores: a page may take longer than playwright's default of 5 s.
    expect.set_options(timeout=60_000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-background-networking"]
        )
        yield browser
        browser.close()

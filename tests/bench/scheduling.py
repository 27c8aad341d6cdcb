"""What Airflow adds: until it is ready, from stage to stage, and to read the DAG files."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import httpx2
from sqlalchemy import Engine, text

from livedash_core.db import make_engine
from livedash_core.local.embedded_postgres import Address
from livedash_core.local.environment import USER, LocalInstallation
from livedash_core.local.sample import SESSIONS, TIMEZONE
from livedash_core.operations.companies import add_company, set_status
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import PROJECT
from tests.bench.database import Server
from tests.bench.file_server import serving
from tests.bench.harness import Row, at_most
from tests.bench.product import LIVEDASH, environment, new_directory
from tests.bench.synthetic_data import CSV_NAME, write_offline_source

#: When each stage took the first of a company's sessions, and when it was done with the last, if it is.
STAGES_OF = """
SELECT stage, extract(epoch FROM min(started_at)), extract(epoch FROM max(completed_at)),
    count(*) FILTER (WHERE completed_at IS NOT NULL)
FROM livedash.session_processing_status JOIN livedash.company ON company.id = company_id
WHERE company.name = :name GROUP BY stage
"""
CHAIN_SECONDS = 300


def up(server: Server) -> list[Row]:
    """`livedash up` from nothing: until it is ready, until the sample is through, and from stage to stage after that"""
    directory = new_directory(server, "chain")
    chains, hops = [], []
    with tempfile.TemporaryDirectory(prefix="livedash-bench-up-", ignore_cleanup_errors=True) as home:
        port = free_port()
        with running(Path(home), port) as said, serving(directory) as source:
            write_offline_source(directory, source, SESSIONS)
            installation = LocalInstallation(Path(home))
            for number in range(server.scale.chains):
                seconds, waits = chain(installation, port, f"Chain {number}", f"{source}/{CSV_NAME}", SESSIONS)
                chains.append(seconds)
                hops.extend(waits)
    ready = re.search(r"ready after (\d+) s", said)
    through = re.search(r"(\d+) sessions after (\d+) s", said)
    if ready is None or through is None:
        raise RuntimeError(f"`livedash up` did not get through:\n{said}")
    return [
        Row("`livedash up` from nothing: until Airflow is ready", "s", [float(ready[1])], goal=at_most(90)),
        Row(
            f"and until the sample's {SESSIONS} sessions are through",
            "s",
            [float(through[2])],
            goal=at_most(60),
            correct=int(through[1]) == SESSIONS,
        ),
        Row(
            f"the five-stage chain over {SESSIONS} sessions, from the trigger to the last question",
            "s",
            chains,
            goal=at_most(30),
        ),
        Row("idle hop: a stage's last session done, until the next stage's first claim", "s", hops, goal=at_most(5)),
    ]


def dag_parsing(server: Server) -> list[Row]:
    """reading all DAG files, beyond importing Airflow itself"""
    directory = new_directory(server, "airflow")
    settings = environment({"AIRFLOW_HOME": str(directory), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"})
    command = [sys.executable, "-m", "tests.bench.dag_parsing", str(PROJECT / "dags")]
    figures = []
    for _ in range(server.scale.rounds):
        done = subprocess.run(command, env=settings, stdout=subprocess.PIPE, text=True, check=True)
        figures.append(json.loads(done.stdout.splitlines()[-1]))
    return [
        Row(
            "reading all DAG files",
            "s",
            [figure["parse"] for figure in figures],
            "importing Airflow itself",
            [figure["import"] for figure in figures],
            at_most(0.5),
            correct=all({*BUILT_IN.dag_ids} < {*figure["dags"]} for figure in figures),
        )
    ]


@contextmanager
def running(home: Path, port: int, **settings: str) -> Iterator[str]:
    """A `livedash up` whose first pass is over, and what it said until then."""
    settings |= {"LIVEDASH_HOME": str(home), "LIVEDASH_PORT": str(port), "COLUMNS": "120"}
    process = subprocess.Popen(
        [LIVEDASH, "up"], env=environment(settings), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if "Ctrl-C stops everything" in line:
                break
        else:
            raise RuntimeError(f"`livedash up` has ended:\n{said}")
        yield said
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)


def chain(
    installation: LocalInstallation, port: int, name: str, csv_url: str, sessions: int
) -> tuple[float, list[float]]:
    """Import a new company's sessions and wait for its last question: seconds of it all, and of each hop."""
    engine = make_engine(Address(installation.postgres, installation.database).url())
    source = {"csv_url": csv_url, "timezone": TIMEZONE, "allowed_networks": ["127.0.0.0/8"]}
    with engine.begin() as connection:
        add_company(connection, name, source)
    began = time.time()
    trigger(installation, port, BUILT_IN.dag_ids[0], {"company": name})
    stages = _until_through(engine, name, sessions)
    with engine.begin() as connection:
        set_status(connection, name, "ARCHIVED")
    engine.dispose()
    return stages[-1][1] - began, [first - last for (_, last), (first, _) in pairwise(stages)]


def trigger(installation: LocalInstallation, port: int, dag_id: str, conf: dict[str, str]) -> None:
    """Start a run of a DAG with this form."""
    with httpx2.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False) as api:
        login = {"username": USER, "password": installation.secrets["admin_password"]}
        token = api.post("/auth/token", json=login).raise_for_status().json()["access_token"]
        run = {"logical_date": None, "conf": conf}
        headers = {"Authorization": f"Bearer {token}"}
        api.post(f"/api/v2/dags/{dag_id}/dagRuns", json=run, headers=headers).raise_for_status()


def _until_through(engine: Engine, company: str, sessions: int) -> Sequence[tuple[float, float]]:
    """First claim and last completion of each stage, in epoch seconds and the stages' order."""
    deadline = time.monotonic() + CHAIN_SECONDS
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            found = {row[0]: row for row in connection.execute(text(STAGES_OF), {"name": company})}
        if found and all(found[stage][3] == sessions for stage in BUILT_IN.names):
            return [(float(found[stage][1]), float(found[stage][2])) for stage in BUILT_IN.names]
        time.sleep(0.5)
    raise RuntimeError(f"{company} is not through after {CHAIN_SECONDS} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

"""The five-stage chain beside a plain Airflow DAG that maps one task per session (``mapped_dags``)."""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

import psycopg

from livedash_core.local.environment import LocalInstallation
from tests.bench.database import Server
from tests.bench.file_server import serving
from tests.bench.harness import Row
from tests.bench.product import new_directory
from tests.bench.scheduling import chain, free_port, running, trigger
from tests.bench.synthetic_data import CSV_NAME, write_offline_source
from tests.waiting import wait_until

DAG = "bench_mapped"
BUNDLE = "airflow.dag_processing.bundles.local.LocalDagBundle"
BUNDLES = [
    {"name": "dags-folder", "classpath": BUNDLE, "kwargs": {}},
    {"name": "bench", "classpath": BUNDLE, "kwargs": {"path": str(Path(__file__).with_name("mapped_dags"))}},
]
CREATE = """
CREATE TABLE public.mapped_session (session_id text PRIMARY KEY, messages jsonb NOT NULL, analysis text NOT NULL)
"""
PATIENCE_SECONDS = 1_800


def mapped_tasks(server: Server) -> list[Row]:
    """the chain of five DAGs, against a plain Airflow DAG with a mapped task per session"""
    sessions = server.scale.mapped
    directory = new_directory(server, "mapped")
    bundles = {"AIRFLOW__DAG_PROCESSOR__DAG_BUNDLE_CONFIG_LIST": json.dumps(BUNDLES)}
    with tempfile.TemporaryDirectory(prefix="livedash-bench-mapped-", ignore_cleanup_errors=True) as home:
        port = free_port()
        with running(Path(home), port, **bundles), serving(directory) as source:
            write_offline_source(directory, source, sessions)
            installation, csv_url = LocalInstallation(Path(home)), f"{source}/{CSV_NAME}"
            ours, _ = chain(installation, port, "Chain", csv_url, sessions)
            theirs = _mapped(installation, port, csv_url, sessions)
    work = f"the five-stage chain over {sessions} sessions, from the trigger to the last question"
    return [Row(work, "s", [ours], "a mapped Airflow task per session, all steps in one", [theirs])]


def _mapped(installation: LocalInstallation, port: int, csv_url: str, sessions: int) -> float:
    """Seconds from the trigger to the last session that is stored."""
    conninfo = f"host={installation.postgres} dbname={installation.database} user=postgres"
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(CREATE)
        began = time.monotonic()
        trigger(installation, port, DAG, {"csv_url": csv_url, "conninfo": conninfo})

        def are_stored() -> bool:
            return connection.execute("SELECT count(*) FROM public.mapped_session").fetchone() == (sessions,)

        wait_until(are_stored, "all sessions stored", PATIENCE_SECONDS)
        return time.monotonic() - began

"""The product as people run it: programs of their own, timed from outside."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livedash_core.local.sample import TIMEZONE
from livedash_core.operations.companies import update_company
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from tests.bench import model_server, peak_memory
from tests.bench.bare_loop import KEY, MODEL, bare_loop
from tests.bench.database import COMPANY, Database, Server
from tests.bench.file_server import serving
from tests.bench.harness import Row, at_least, at_most
from tests.bench.synthetic_data import CSV_NAME, write_csv, write_offline_source

LIVEDASH = Path(sys.executable).parent / "livedash"
MEGABYTES = 300
LOGIN = "bench:password"
#: Sessions per second of livedash-node on a machine of two cores, measured once.
NODE_PER_SECOND = 22


def memory(server: Server) -> list[Row]:
    """memory of an import and a stage over very many sessions"""
    sessions = server.scale.long_run
    directory = new_directory(server, "long")
    write_csv(directory / CSV_NAME, sessions)
    with server.database() as database, serving(directory) as url:
        add_source(database, url, "UTC")
        said, peak = measured(server, [sys.executable, "-m", "tests.bench.long_run", database.url], {})
    return [
        Row(
            f"memory of a run over {sessions:,} sessions: import, then a stage that does nothing",
            "MB",
            [peak["peak_megabytes"]],
            goal=at_most(MEGABYTES),
            correct=said["imported"] == said["passed"] == sessions,
            note=f"import {said['import_seconds']:.0f} s, stage {said['pass_seconds']:.0f} s",
        ),
        Row(
            "the same, held from the tenth part of the stage on",
            "MB",
            [said["rest_megabytes"]],
            "until then",
            [said["first_tenth_megabytes"]],
        ),
    ]


def process(server: Server) -> list[Row]:
    """`livedash process` over sessions analysed offline, against the same work without a database"""
    sessions = server.scale.offline
    directory = new_directory(server, "offline")
    peaks: list[float] = []
    ours: dict[str, list[float]] = {stage: [] for stage in BUILT_IN.names}
    theirs: dict[str, list[float]] = {stage: [] for stage in BUILT_IN.names}
    with serving(directory) as url:
        write_offline_source(directory, url, sessions)
        for _ in range(server.scale.long_rounds):
            with server.database() as database:
                add_source(database, url, TIMEZONE)
                settings = {"LIVEDASH_DATABASE_URL": database.url, "LIVEDASH_ANALYZER": "offline"}
                said, peak = measured(server, [str(LIVEDASH), "process", "--workers", "1", "--json"], settings)
            bare, _ = measured(server, [sys.executable, "-m", "tests.bench.bare_stages", f"{url}/{CSV_NAME}"], {})
            peaks.append(peak["peak_megabytes"])
            for stage in BUILT_IN.names:
                if said["stages"][stage]["completed"] != sessions:
                    raise RuntimeError(f"{stage}: {said['stages'][stage]} instead of {sessions} completed")
                ours[stage].append(said["stages"][stage]["seconds"])
                if stage in bare["seconds"]:
                    theirs[stage].append(bare["seconds"][stage])
    title = f"`livedash process`, {sessions:,} sessions offline"
    return [
        Row(f"{title}: memory", "MB", peaks, goal=at_most(MEGABYTES)),
        *(
            Row(f"{title}: {stage}", "s", ours[stage], "the same without a database", theirs[stage])
            for stage in BUILT_IN.names
        ),
    ]


def with_model(server: Server) -> list[Row]:
    """`livedash process` with Basic authentication and a model that responds at once: time and CPU time"""
    sessions = server.scale.through_all_stages
    directory = new_directory(server, "with-model")
    wall: dict[int, list[float]] = {1: [], 2: []}
    cpu: dict[str, list[float]] = {stage: [] for stage in BUILT_IN.names}
    bare: list[float] = []
    with serving(directory, LOGIN) as url, model_server.answering(0) as model_url:
        write_offline_source(directory, url, sessions)
        for _ in range(server.scale.long_rounds):
            for workers, seconds in wall.items():
                with server.database() as database:
                    run = _Run(server, database, url, model_url, workers)
                    seconds.append(run.measured(sessions)["seconds"])
            with server.database() as database:
                run = _Run(server, database, url, model_url, 1)
                for stage in BUILT_IN.names:
                    # The second time nothing is due: what the program takes to start is not the sessions'.
                    took = run.measured(sessions, stage)["cpu_seconds"] - run.measured(0, stage)["cpu_seconds"]
                    cpu[stage].append(1e3 * took / sessions)
            began = time.process_time()
            asyncio.run(bare_loop(model_url, sessions, Settings().analysis_concurrency))
            bare.append(1e3 * (time.process_time() - began) / sessions)
    title = f"`livedash process`, {sessions:,} sessions, a model that responds at once"
    against = "a call in a bare loop over the SDK's default client"
    whole = [sum(figures) for figures in zip(*cpu.values(), strict=True)]
    speeds = {workers: [sessions / seconds for seconds in wall[workers]] for workers in wall}
    return [
        Row(f"{title}: one process", "sessions/s", speeds[1]),
        Row(
            f"{title}: two processes", "sessions/s", speeds[2], "one process", speeds[1], at_least(12 * NODE_PER_SECOND)
        ),
        Row(f"{title}: CPU time, all stages", "ms per session", whole, against, bare, at_most(4.5)),
        *(
            Row(
                f"{title}: CPU time, {stage}",
                "ms per session",
                figures,
                against,
                bare,
                at_most(2.5) if stage == "AI_ANALYSIS" else None,
            )
            for stage, figures in cpu.items()
        ),
    ]


class _Run:
    """Runs of the program over one database."""

    def __init__(self, server: Server, database: Database, url: str, model_url: str, workers: int) -> None:
        add_source(database, url, TIMEZONE, http_conn_id="bench")
        self._server = server
        self._workers = str(workers)
        self._settings = {
            "LIVEDASH_DATABASE_URL": database.url,
            "AIRFLOW_CONN_BENCH": f"http://{LOGIN}@example.com",
            "LIVEDASH_ANALYZER": "openai",
            "LIVEDASH_MODEL": MODEL,
            "OPENAI_API_KEY": KEY,
            "OPENAI_BASE_URL": model_url,
        }

    def measured(self, expected: int, stage: str | None = None) -> dict[str, float]:
        """What one run took. Raises ``RuntimeError`` unless it completes as many sessions in each stage as expected."""
        command = [
            str(LIVEDASH),
            "process",
            "--json",
            "--workers",
            self._workers,
            *(["--stage", stage] if stage else []),
        ]
        said, took = measured(self._server, command, self._settings)
        if any(report["completed"] != expected for report in said["stages"].values()):
            raise RuntimeError(f"{said['stages']} instead of {expected} completed")
        return took


def measured(server: Server, command: list[str], settings: Mapping[str, str]) -> tuple[Any, dict[str, float]]:
    """What a program printed as JSON, and what it took."""
    figures = server.directory / "peak.json"
    done = subprocess.run(
        [sys.executable, peak_memory.__file__, str(figures), *command],
        env=environment(settings),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout), json.loads(figures.read_text())


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without variables that point to an Airflow, a key or a database."""
    foreign = ("AIRFLOW", "OPENAI", "LIVEDASH")
    return {name: value for name, value in os.environ.items() if not name.startswith(foreign)} | dict(settings)


def add_source(database: Database, url: str, timezone: str, *, http_conn_id: str | None = None) -> None:
    """Where the one company's CSV is."""
    source: dict[str, Any] = {
        "csv_url": f"{url}/{CSV_NAME}",
        "timezone": timezone,
        "allowed_networks": ["127.0.0.0/8"],
    }
    if http_conn_id is not None:
        source["http_conn_id"] = http_conn_id
    with database.engine.begin() as connection:
        update_company(connection, COMPANY, source)


def new_directory(server: Server, name: str) -> Path:
    directory = server.directory / name
    directory.mkdir()
    return directory

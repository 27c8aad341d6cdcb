"""The product as people run it: programs of their own, timed from outside."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livedash_core.local.sample import TIMEZONE
from livedash_core.operations.companies import update_company
from livedash_core.pipeline import BUILT_IN
from tests.bench import peak_memory
from tests.bench.database import COMPANY, Database, Server
from tests.bench.file_server import serving
from tests.bench.harness import Row, at_most
from tests.bench.synthetic_data import CSV_NAME, write_csv, write_offline_source

LIVEDASH = Path(sys.executable).parent / "livedash"
MEGABYTES = 300


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
                said, peak = measured(server, [str(LIVEDASH), "process", "--json"], settings)
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


def add_source(database: Database, url: str, timezone: str) -> None:
    """Where the one company's CSV is."""
    source = {"csv_url": f"{url}/{CSV_NAME}", "timezone": timezone, "allowed_networks": ["127.0.0.0/8"]}
    with database.engine.begin() as connection:
        update_company(connection, COMPANY, source)


def new_directory(server: Server, name: str) -> Path:
    directory = server.directory / name
    directory.mkdir()
    return directory

"""Shows the first pass stage by stage while it happens."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live
from sqlalchemy import Engine

from livedash_core.errors import ConfigurationError
from livedash_core.local.processes import Processes
from livedash_core.pipeline import Pipeline
from livedash_core.status import Breakdown, ProcessingStatusManager

PATIENCE_SECONDS = 300.0


Picture = Callable[[Breakdown, str], RenderableType]


def watch_first_pass(engine: Engine, pipeline: Pipeline, draw: Picture, console: Console, processes: Processes) -> None:
    """Until nothing is due and nothing in progress, or patience ends; the last picture stays on the screen."""
    began = time.monotonic()
    with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
        while True:
            with engine.connect() as connection:
                manager = ProcessingStatusManager(connection, pipeline=pipeline)
                breakdown, due = manager.get_pipeline_status(), manager.get_due_stages()
            elapsed = time.monotonic() - began
            table = draw(breakdown, f"{breakdown.total_sessions} sessions after {elapsed:.0f} s")
            live.update(table)
            finished = breakdown.total_sessions > 0 and not due and not _in_progress(breakdown)
            if finished or elapsed > PATIENCE_SECONDS:
                break
            if (name := processes.dead()) is not None:
                raise ConfigurationError(f"Airflow's {name} has ended; {processes.log(name)} says why")
            time.sleep(0.5)
    if not console.is_terminal:
        console.print(table)


def _in_progress(breakdown: Breakdown) -> bool:
    return any(counts["IN_PROGRESS"] for counts in breakdown.stages.values())

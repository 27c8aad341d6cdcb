"""Shows the progress of the first sessions through the stages."""

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

TIMEOUT_SECONDS = 300.0

#: Renders a breakdown under a title.
Renderer = Callable[[Breakdown, str], RenderableType]


def watch_first_pass(
    engine: Engine, pipeline: Pipeline, render: Renderer, console: Console, processes: Processes
) -> None:
    """Show the breakdown until nothing is due or in progress, or the time is up; the last one stays on the screen."""
    began = time.monotonic()
    with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
        while True:
            with engine.connect() as connection:
                manager = ProcessingStatusManager(connection, pipeline=pipeline)
                breakdown, due = manager.get_pipeline_status(), manager.get_due_stages()
            elapsed = time.monotonic() - began
            table = render(breakdown, f"{breakdown.total_sessions} sessions after {elapsed:.0f} s")
            live.update(table)
            finished = breakdown.total_sessions > 0 and not due and not _in_progress(breakdown)
            if finished or elapsed > TIMEOUT_SECONDS:
                break
            if (name := processes.ended()) is not None:
                raise ConfigurationError(f"Airflow's {name} has ended; see {processes.log(name)}")
            time.sleep(0.5)
    if not console.is_terminal:
        console.print(table)


def _in_progress(breakdown: Breakdown) -> bool:
    return any(counts["IN_PROGRESS"] for counts in breakdown.stages.values())

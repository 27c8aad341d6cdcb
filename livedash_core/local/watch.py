"""Shows the progress of the due sessions through the stages."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live
from sqlalchemy import Engine

from livedash_core.pipeline import Pipeline
from livedash_core.status import Breakdown, ProcessingStatusManager
from livedash_core.words import count_of

TIMEOUT_SECONDS = 300.0

#: Renders a breakdown under a title.
Renderer = Callable[[Breakdown, str], RenderableType]


def watch_progress(
    engine: Engine, pipeline: Pipeline, render: Renderer, console: Console, check_alive: Callable[[], None]
) -> None:
    """Show the breakdown until nothing is due or in progress, or the time is up; the last one stays on the screen.

    Shows nothing if there are sessions and none is due. ``check_alive`` raises when a component has ended.
    """
    began = time.monotonic()
    breakdown, finished = _read(engine, pipeline)
    if finished:
        console.print("No session is due; the next import starts on schedule.")
        return
    console.print("The first import starts automatically:" if not breakdown.total_sessions else "Sessions are due:")
    with Live(console=console, refresh_per_second=4, transient=not console.is_terminal) as live:
        while True:
            breakdown, finished = _read(engine, pipeline)
            elapsed = time.monotonic() - began
            table = render(breakdown, f"{count_of(breakdown.total_sessions, 'session')} after {elapsed:.0f} s")
            live.update(table)
            if finished or elapsed > TIMEOUT_SECONDS:
                break
            check_alive()
            time.sleep(0.5)
    if not console.is_terminal:
        console.print(table)
    if not finished:
        console.print("Sessions are still due; follow them on the LiveDash page.")


def _read(engine: Engine, pipeline: Pipeline) -> tuple[Breakdown, bool]:
    """Read the breakdown, and whether there are sessions of which none is due or in progress."""
    with engine.connect() as connection:
        manager = ProcessingStatusManager(connection, pipeline=pipeline)
        breakdown, due = manager.get_pipeline_status(), manager.get_due_stages()
    return breakdown, breakdown.total_sessions > 0 and not due and not _in_progress(breakdown)


def _in_progress(breakdown: Breakdown) -> bool:
    return any(counts["IN_PROGRESS"] for counts in breakdown.stages.values())

"""Imports what tasks need into the scheduler, so that tasks that it forks need not import it one by one.

With the LocalExecutor every task is a fork of the scheduler. Importing the modules of a stage's three tasks takes about
a second of CPU time in each of them (``python -m tests.bench up`` measures the time between two stages).
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from airflow.listeners import hookimpl
from airflow.sdk import conf

log = logging.getLogger(__name__)

#: What the three tasks of a stage import when they run, besides the stage itself.
TASKS = ("livedash_core.airflow.plan", "livedash_core.airflow.lane", "livedash_core.airflow.publishing")


@hookimpl
def on_starting(component: Any) -> None:
    """Import the modules when ``component`` is the job of a scheduler that forks its tasks."""
    if getattr(component, "job_type", None) != "SchedulerJob" or "LocalExecutor" not in conf.get("core", "executor"):
        return
    try:
        for module in (*TASKS, *_stage_modules()):
            import_module(module)
    except Exception:
        # Each task imports them itself and reports what is wrong; the scheduler also has other DAGs to run.
        log.warning("LiveDash's modules cannot be imported into the scheduler", exc_info=True)


def _stage_modules() -> list[str]:
    """The modules of the stages' classes and of their DAGs, which each task parses again."""
    from livedash_core.pipeline import load_pipeline

    paths = [path for stage in load_pipeline().stages for path in (stage.implementation, stage.dag)]
    return [path.partition(":")[0] for path in paths if isinstance(path, str)]

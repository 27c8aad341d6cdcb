"""Imports what tasks need into the process that forks them, so that they need not import it one by one.

With the LocalExecutor every task is a fork of the scheduler, with the CeleryExecutor of a Celery worker. Without this,
three quarters of the CPU time of a stage's three tasks are imports (``python -m tests.bench up`` measures the time
between two stages).
"""

from __future__ import annotations

import logging
import sys
from importlib import import_module
from typing import Any

from airflow.listeners import hookimpl
from airflow.sdk import conf

log = logging.getLogger(__name__)

#: What tasks import when they run: the three of a stage, besides the stage itself, and those that run often.
TASKS = (
    "livedash_core.airflow.plan",
    "livedash_core.airflow.lane",
    "livedash_core.airflow.publishing",
    "livedash_core.airflow.topics",
    "livedash_core.airflow.alerts",
)
#: What functions of theirs import: to guess an encoding, and to analyse.
LATER = ("charset_normalizer", "livedash_core.analysis.offline", "livedash_core.analysis.openai")


@hookimpl
def on_starting(component: Any) -> None:
    """Import the modules when ``component`` is the job of a scheduler that forks its tasks."""
    # Airflow calls this while it constructs a job, which has no type yet; but the program's command has a name.
    is_scheduler = hasattr(component, "job_type") and sys.argv[1:2] == ["scheduler"]
    if is_scheduler and "LocalExecutor" in conf.get("core", "executor"):
        import_for_tasks()


def import_for_tasks() -> None:
    """Import the modules; an error is logged only, because each task imports them itself and reports what is wrong."""
    try:
        for module in (*TASKS, *LATER, *_stage_modules()):
            import_module(module)
        _configure_models()
    except Exception:
        # The process also has other DAGs to run.
        log.warning("LiveDash's modules cannot be imported for the tasks", exc_info=True)


def _stage_modules() -> list[str]:
    """The modules of the stages' classes and of their DAGs, which each task parses again."""
    from livedash_core.pipeline import load_pipeline

    paths = [path for stage in load_pipeline().stages for path in (stage.implementation, stage.dag)]
    return [path.partition(":")[0] for path in paths if isinstance(path, str)]


def _configure_models() -> None:
    """Configure the mapped classes, which each task does first otherwise."""
    from livedash_core.models import Base

    Base.registry.configure()

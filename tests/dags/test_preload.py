"""What a scheduler imports for the tasks that it forks."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from livedash_core.airflow import preload

STARTED = """
import sys
from types import SimpleNamespace
from types import SimpleNamespace
from livedash_core.airflow.preload import on_starting
on_starting(SimpleNamespace(job_type={job!r}))
print(*(name for name in sys.modules if name.startswith("livedash_core.")))
"""


@pytest.mark.parametrize(
    ("job", "executor", "imports"),
    [
        ("SchedulerJob", "LocalExecutor", True),
        ("SchedulerJob", "CeleryExecutor", False),
        ("TriggererJob", "LocalExecutor", False),
    ],
)
def test_only_a_scheduler_that_forks_its_tasks_imports_what_they_need(tmp_path, job, executor, imports):
    environment = os.environ | {"AIRFLOW_HOME": str(tmp_path), "AIRFLOW__CORE__EXECUTOR": executor}
    done = subprocess.run(
        [sys.executable, "-c", STARTED.format(job=job)], env=environment, capture_output=True, text=True, check=True
    )
    modules = done.stdout.split()

    for module in ("airflow.plan", "stages.csv_import.stage", "stages.ai_analysis.stage"):
        assert (f"livedash_core.{module}" in modules) == imports, done.stderr


def test_a_module_that_cannot_be_imported_leaves_the_scheduler_running(monkeypatch, caplog):

    monkeypatch.setattr(preload, "TASKS", ("livedash_core.no_such_module",))
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "LocalExecutor")
    preload.on_starting(SimpleNamespace(job_type="SchedulerJob"))

    assert "cannot be imported into the scheduler" in caplog.text

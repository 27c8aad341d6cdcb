"""What the process that forks tasks imports for them."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from livedash_core.airflow import preload

#: Airflow's own objects, constructed as the command `airflow scheduler` constructs them.
JOB = """
import sys
sys.argv = ["airflow", {command!r}]
from airflow.jobs.job import Job
{started}
print(*sys.modules)
"""
SCHEDULER = "from airflow.jobs.scheduler_job_runner import SchedulerJobRunner; SchedulerJobRunner(job=Job())"
TRIGGERER = "from airflow.jobs.triggerer_job_runner import TriggererJobRunner; TriggererJobRunner(job=Job())"
#: What Celery does in a worker before it forks.
CELERY_WORKER = """
import sys
from airflow.providers.celery.executors.celery_executor import app
app.loader.init_worker()
print(*sys.modules)
"""
NEEDED = {
    "livedash_core.airflow.plan",
    "livedash_core.airflow.lane",
    "livedash_core.airflow.publishing",
    "livedash_core.airflow.dags.csv_import",
    "livedash_core.stages.csv_import.stage",
    "livedash_core.stages.ai_analysis.stage",
    "livedash_core.analysis.offline.analyzer",
    "openai",
}


def modules(program: str, home: os.PathLike[str], **settings: str) -> set[str]:
    environment = os.environ | {"AIRFLOW_HOME": str(home), "AIRFLOW__CORE__LOAD_EXAMPLES": "False"} | settings
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize(
    ("command", "started", "executor", "imports"),
    [
        ("scheduler", SCHEDULER, "LocalExecutor", True),
        ("scheduler", SCHEDULER, "CeleryExecutor", False),
        ("triggerer", TRIGGERER, "LocalExecutor", False),
    ],
)
def test_only_a_scheduler_that_forks_its_tasks_imports_what_they_need(tmp_path, command, started, executor, imports):
    found = modules(JOB.format(command=command, started=started), tmp_path, AIRFLOW__CORE__EXECUTOR=executor)

    assert "livedash_core.airflow.preload" in found, "Airflow has not loaded the plugin"
    assert found >= NEEDED if imports else "livedash_core.airflow.plan" not in found


def test_a_celery_worker_imports_what_the_tasks_need_before_it_forks(tmp_path):
    settings = {"AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS": "livedash_core.airflow.celery_config.CELERY_CONFIG"}

    assert modules(CELERY_WORKER, tmp_path, **settings) >= NEEDED


def test_a_module_that_cannot_be_imported_leaves_the_scheduler_running(monkeypatch, caplog):
    monkeypatch.setattr(preload, "TASKS", ("livedash_core.no_such_module",))

    preload.import_for_tasks()

    assert "cannot be imported for the tasks" in caplog.text

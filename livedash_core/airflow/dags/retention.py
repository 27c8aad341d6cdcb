"""
### Erase old sessions

Erases the sessions that are older than their company's retention period (`livedash company update NAME
--retention-days N`), also those of companies that are not active: messages, transcripts, raw rows, summaries, questions
of no other session, failure texts. Counts and costs stay. The next import does not bring erased sessions back.

**What a run processes.** All sessions past their retention period, daily or when triggered by hand; there is no form. A
run also erases what an earlier run missed. `livedash erase` erases one session or company at once. At the end, it
prices calls that were made while a price was added and were left unpriced.

**When it is red.** The database was unreachable: the task's last log line says so. Sessions erased until then stay
erased, the next run erases the rest, and `livedash doctor` reports companies whose sessions are overdue.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, TASK_RETRIES


@dag(
    dag_id="livedash_retention",
    dag_display_name="LiveDash: Erase old sessions",
    description="LiveDash: erases sessions past their company's retention period",
    schedule=CronTriggerTimetable("30 3 * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=__doc__,
)
def retention() -> None:
    """The erasure; no stage of the pipeline."""

    @task(task_id="erase", **TASK_RETRIES)
    def erase() -> dict[str, int]:
        from livedash_core.airflow.retention import run

        return run()

    erase()

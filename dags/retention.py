"""
### Erase what is kept long enough

Erases the sessions that started longer ago than their company wants them kept (`livedash company update NAME
--retention-days N`), whether it is active or not: messages, transcripts, raw rows, summaries, questions that nobody
else asked, failure texts. Counts and costs stay, and the next import leaves what was erased alone.

**What a run takes.** All that is due, daily or when triggered by hand; there is no form. A day that was missed is made
up for by the next run. `livedash erase` does the same for one session or company at once.

**When it is red.** The database was away: the task's last line says so. What was erased by then stays erased, the next
run does the rest, and `livedash doctor` tells when a company's sessions are overdue.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task

from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, TASK_RETRIES


@dag(
    dag_id="livedash_retention",
    dag_display_name="LiveDash: Erase old sessions",
    description="LiveDash: erases what companies do not want kept any longer",
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
    """No stage: it moves no session on."""

    @task(task_id="erase", **TASK_RETRIES)
    def erase() -> dict[str, int]:
        from livedash_core.airflow.retention import run

        return run()

    erase()


retention()

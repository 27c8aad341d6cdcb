"""
### Extract questions

Stores up to five questions per session in order. Equal questions of a company are stored once.

**What a run processes.** A run that an Asset or the schedule starts processes every session that is due. A run that
is triggered by hand processes the sessions that its form selects; an empty form selects every session that is due. A
backfill resets the failed sessions that started on its days, and processes them and all others of these days that are
due (choose *All runs*, so that days with an earlier run are included).

**When it is red.** The database was unreachable, or there is a bug: the lane's log has the error. If *plan* is red, its
last log line gives the reason: an invalid form or an unreachable database. Nothing was changed.

Failed *sessions* do not turn a run red. The lane's log ends with the first of them, and the LiveDash page lists them
all. Retry them with *Retry failed* or with a backfill of their days.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, dag

from livedash_core.airflow.assets import awaited
from livedash_core.airflow.forms import document, scope_form
from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, add_stage_tasks


@dag(
    dag_id="livedash_question_extraction",
    dag_display_name="LiveDash: Extract questions",
    description="LiveDash: stores the questions that people asked",
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("@daily", timezone="UTC"), assets=[awaited("QUESTION_EXTRACTION")]
    ),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    params=scope_form(),
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=document(__doc__, scope_form()),
)
def question_extraction() -> None:
    """Define the tasks of the stage QUESTION_EXTRACTION."""
    add_stage_tasks("QUESTION_EXTRACTION")

"""
### Extract questions

Stores up to five questions per session in order, and reuses a company's equal questions.

**What a run takes.** Woken by an Asset or by the clock: everything that is due. Triggered by hand: what the form
says; an empty form means everything that is due. A backfill: the sessions that started in its days, the failed
ones reset first (choose *All runs*, so that days which ran before are done again).

**When it is red.** The database was away, or there is a bug: the lane's log has the error.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, dag

from livedash_core.airflow.assets import awaited
from livedash_core.airflow.forms import scope_form
from livedash_core.airflow.lanes import stage_tasks


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
    params=scope_form(),
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=__doc__,
)
def question_extraction() -> None:
    """The stage QUESTION_EXTRACTION."""
    stage_tasks("QUESTION_EXTRACTION")


question_extraction()

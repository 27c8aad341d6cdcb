"""
### Count words

Counts the words of each session.

**When it is red.** The database was unreachable, or there is a bug: the lane's log has the error.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, dag

from livedash_core.airflow.assets import awaited
from livedash_core.airflow.forms import document, scope_form
from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, add_stage_tasks


@dag(
    dag_id="livedash_word_count",
    dag_display_name="LiveDash: Count words",
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("@daily", timezone="UTC"), assets=[awaited("WORD_COUNT")]
    ),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    params=scope_form(),
    tags=["livedash"],
    doc_md=document(__doc__, scope_form()),
)
def word_count() -> None:
    """Define the tasks of the stage WORD_COUNT."""
    add_stage_tasks("WORD_COUNT")

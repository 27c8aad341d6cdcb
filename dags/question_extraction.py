"""
### Extract questions

Stores up to five questions per session in order, and reuses a company's equal questions.

**What a run takes.** Woken by an Asset or by the clock: everything that is due. Triggered by hand: what the form
says; an empty form means everything that is due. A backfill: the sessions that started in its days, the failed
ones reset first (choose *All runs*, so that days which ran before are done again).

**When it is red.** The database was away, or there is a bug: the lane's log has the error. If *plan* is red, its
last line is the reason: a form that makes no sense, or a database that is not there; nothing was touched.

Failed *sessions* do not turn a run red: the lane's log ends with the first of them, the LiveDash page has them all.
Retry them with *Retry failed* or a backfill of their days.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, dag

from livedash_core.airflow.assets import awaited
from livedash_core.airflow.forms import explained, scope_form
from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, stage_tasks


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
    doc_md=explained(__doc__, scope_form()),
)
def question_extraction() -> None:
    """The stage QUESTION_EXTRACTION."""
    stage_tasks("QUESTION_EXTRACTION")


question_extraction()

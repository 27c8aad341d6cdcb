"""
### Fetch transcripts

Fetches the transcript of every imported session. A session without a URL, or with an empty transcript, is skipped
with a reason. A transcript that does not exist fails only its own session.

**What a run processes.** A run that an Asset or the schedule starts processes every session that is due. A run that
is triggered by hand processes the sessions that its form selects; an empty form selects every session that is due. A
backfill resets the failed sessions that started on its days, and processes them and all others of these days that are
due (choose *All runs*, so that days with an earlier run are included).

**When it is red.** A company's server refused the credentials (check the company's Airflow connection), or the
database was unreachable. The lane's last log line says so in one sentence, and no session lost an attempt. Correct the
cause and trigger a run. If *plan* is red, its last log line gives the reason: an invalid form or an unreachable
database. Nothing was changed.

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
    dag_id="livedash_transcript_fetch",
    dag_display_name="LiveDash: Fetch transcripts",
    description="LiveDash: fetches the transcript of each new session",
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("@daily", timezone="UTC"), assets=[awaited("TRANSCRIPT_FETCH")]
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
def transcript_fetch() -> None:
    """Define the tasks of the stage TRANSCRIPT_FETCH."""
    add_stage_tasks("TRANSCRIPT_FETCH")

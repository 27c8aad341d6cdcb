"""
### Fetch transcripts

Fetches the transcript of every session that was imported. A session without a URL, or with an empty transcript,
is skipped with a reason; a transcript that does not exist fails that session alone.

**What a run takes.** Woken by an Asset or by the clock: everything that is due. Triggered by hand: what the form
says; an empty form means everything that is due. A backfill: the sessions that started in its days, the failed
ones reset first (choose *All runs*, so that days which ran before are done again).

**When it is red.** A company refused its credentials (check its Airflow connection), or the database was away: the
lane's last line says so in one sentence, and no session lost an attempt. Mend it and trigger a run. If *plan* is
red, its last line is the reason: a form that makes no sense, or a database that is not there; nothing was touched.

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
    doc_md=explained(__doc__, scope_form()),
)
def transcript_fetch() -> None:
    """The stage TRANSCRIPT_FETCH."""
    stage_tasks("TRANSCRIPT_FETCH")


transcript_fetch()

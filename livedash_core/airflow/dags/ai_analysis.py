"""
### Analyse sessions

Analyses each session: language, sentiment, escalation, category, summary, questions. A model analyses when the
connection `livedash_openai` (or `OPENAI_API_KEY`) holds a key; otherwise the offline rules do. Each result names its
analyzer.

**What a run processes.** A run that an Asset or the schedule starts processes every session that is due. A run that
is triggered by hand processes the sessions that its form selects; an empty form selects every session that is due. A
backfill resets the failed sessions that started on its days, and processes them and all others of these days that are
due (choose *All runs*, so that days with an earlier run are included).

**Batches.** For companies in batch mode, and in a run with *Mode* batch, sessions are sent together in a batch: half
the price, results within a day. The lane called *batches* waits for the batches (deferred, without a worker) and
collects their results, also those of expired batches and of batches that a crash left behind. Sessions that become due
meanwhile go into the next batch. *Mark failed* on that lane cancels its batches; the next run collects the results they
already had.

**When it is red.** The key was refused, the quota is used up, or the model does not exist any more. The lane's last log
line says so in one sentence, and no session lost an attempt. Correct the connection `livedash_openai` or the company's
model and trigger a run. If *plan* is red, its last log line gives the reason: an invalid form or an unreachable
database. Nothing was changed.

Failed *sessions* do not turn a run red. The lane's log ends with the first of them, and the LiveDash page lists them
all. Retry them with *Retry failed* or with a backfill of their days.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, dag

from livedash_core.airflow.assets import awaited
from livedash_core.airflow.forms import analysis_form, document
from livedash_core.airflow.stage_tasks import BATCH_ACTIVE_RUNS, BATCH_RUN_TIMEOUT, add_stage_tasks


@dag(
    dag_id="livedash_ai_analysis",
    dag_display_name="LiveDash: Analyse sessions",
    description="LiveDash: analyses each session with a model or with offline rules",
    schedule=AssetOrTimeSchedule(
        timetable=CronDataIntervalTimetable("@daily", timezone="UTC"), assets=[awaited("AI_ANALYSIS")]
    ),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=BATCH_ACTIVE_RUNS,
    dagrun_timeout=BATCH_RUN_TIMEOUT,
    params=analysis_form(),
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=document(__doc__, analysis_form()),
)
def ai_analysis() -> None:
    """Define the tasks of the stage AI_ANALYSIS."""
    add_stage_tasks("AI_ANALYSIS")

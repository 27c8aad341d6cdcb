"""
### Analyse sessions

Has each session analysed: language, sentiment, escalation, category, summary, questions. With a key in
`livedash_openai` (or `OPENAI_API_KEY`) a model does it, without one the offline rules do; each result says which.

**What a run takes.** Woken by an Asset or by the clock: everything that is due. Triggered by hand: what the form
says; an empty form means everything that is due. A backfill: the sessions that started in its days, the failed
ones reset first (choose *All runs*, so that days which ran before are done again).

**Batches.** Companies in batch mode, or a run with *Mode* batch, have their sessions sent together: half the price,
within a day. The lane called *batches* waits for them (deferred, it takes no worker) and collects whatever they bring,
also of batches that expired or that a crash left behind. Sessions that come in meanwhile gather for the next batch.
*Mark failed* on that lane cancels its batches; what they had finished is collected by the next run.

**When it is red.** The key was refused, the quota is used up, or the model is gone: the lane's last line says so in
one sentence. No session lost an attempt. Mend the connection `livedash_openai` or the company's model and trigger a
run. If *plan* is red, its last line is the reason: a form that makes no sense, or a database that is not there;
nothing was touched.

Failed *sessions* do not turn a run red: the lane's log ends with the first of them, the LiveDash page has them all.
Retry them with *Retry failed* or a backfill of their days.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import AssetOrTimeSchedule, CronDataIntervalTimetable, dag

from livedash_core.airflow.assets import awaited
from livedash_core.airflow.forms import analysis_form, explained
from livedash_core.airflow.stage_tasks import BATCH_ACTIVE_RUNS, BATCH_RUN_TIMEOUT, stage_tasks


@dag(
    dag_id="livedash_ai_analysis",
    dag_display_name="LiveDash: Analyse sessions",
    description="LiveDash: has a model, or offline rules, analyse each session",
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
    doc_md=explained(__doc__, analysis_form()),
)
def ai_analysis() -> None:
    """The stage AI_ANALYSIS."""
    stage_tasks("AI_ANALYSIS")


ai_analysis()

"""
### Group questions into topics

Groups the questions of each company by meaning, and counts the sessions of each topic.

**What a run processes.** The questions that are new since the last run, of all companies or of the one in the form.
Without a model, questions are grouped if they have the same words; with one, it decides about questions that are
similar, and names topics. Its calls are recorded and limited like those of the analysis.

**When it is red.** The database was unreachable, or a model call failed: the task's last log line says why. What was
grouped until then stays, and the next run continues. A run is green when a budget or a rate limit leaves the rest for
later.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag, task

from livedash_core.airflow.assets import published
from livedash_core.airflow.forms import company_param, document
from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, TASK_RETRIES

FORM = {
    "company": company_param("The company's name; empty: all companies."),
    "with_model": Param(
        True, type="boolean", title="With the model", description="Ask the company's model, which costs money."
    ),
}


@dag(
    dag_id="livedash_topics",
    dag_display_name="LiveDash: Group questions into topics",
    description="LiveDash: groups questions by meaning",
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("45 3 * * *", timezone="UTC"), assets=[published("QUESTION_EXTRACTION")]
    ),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    params=FORM,
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=document(__doc__, FORM),
)
def topics() -> None:
    """The grouping; no stage of the pipeline."""

    @task(task_id="group", **TASK_RETRIES)
    def group(params: dict[str, object] | None = None) -> dict[str, int]:
        from livedash_core.airflow.topics import group as group_topics

        chosen = params or {}
        company = chosen.get("company")
        return group_topics(str(company) if company else None, with_model=bool(chosen.get("with_model", True)))

    group()

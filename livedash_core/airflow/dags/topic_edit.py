"""
### Change a topic

Applies one change that a person makes on a topic's page: rename, merge, split, move, pin, hide, accept or reject a
proposal, undo. The change is a row in the topic's log with the name of the user who started the run.

**What a run processes.** The change in its form. *Change* is an object such as `{"verb": "rename", "topic": 7, "name":
"Payslips"}`; the pages fill it in.

**When it is red.** The change was invalid, or something else has changed the topic since: the task's last log line says
so, and nothing was changed.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import Context, Param, dag, task

from livedash_core.airflow.forms import document
from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, TASK_RETRIES

FORM = {
    "change": Param(
        None,
        type=["null", "object"],
        title="Change",
        description="What to change: the verb, and the ids and the name that it needs.",
    )
}


@dag(
    dag_id="livedash_topic_edit",
    dag_display_name="LiveDash: Change a topic",
    description="LiveDash: applies a person's change to a topic",
    schedule=None,
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=4,
    dagrun_timeout=RUN_TIMEOUT,
    params=FORM,
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=document(__doc__, FORM),
)
def topic_edit() -> None:
    """One change; no stage of the pipeline."""

    @task(task_id="edit", **TASK_RETRIES)
    def edit(**context: Context) -> int:
        from livedash_core.airflow.topics import edit as edit_topic

        change = context["params"]["change"]  # type: ignore[typeddict-item]  # a plain mapping at run time
        user = getattr(context["dag_run"], "triggering_user_name", None)
        return edit_topic(change or {}, user or "Airflow")

    edit()

"""
### Alert

Looks for facts that need a person: a source that cannot be read, a stage that is stopped or does nothing, many
failures, a budget that is being used up, a batch that does not come back, and others. Each fact is sent once, and again
when it becomes worse or ends, with the notifiers of the setting `LIVEDASH_ALERT_NOTIFIERS`. Without notifiers, the
alerts are on the page *Pipeline* and in `livedash alerts list`.

**What a run processes.** Nothing: it reads counts, every 5 minutes, and sends.

**When it is red.** A notifier could not send, or the database was unreachable: the task's last log line says so. The
next run sends what is missing.
"""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import CronTriggerTimetable, dag, task


@dag(
    dag_id="livedash_alerts",
    dag_display_name="LiveDash: Alert",
    description="LiveDash: sends alerts about what needs a person",
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=10),
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=__doc__,
)
def alerts() -> None:
    """The evaluation; no stage of the pipeline."""

    # No retry: the next run, five minutes later, is one.
    @task(task_id="evaluate", retries=0)
    def evaluate() -> dict[str, int]:
        from livedash_core.airflow.alerts import run

        return run()

    evaluate()

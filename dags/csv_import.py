"""
### Import CSVs

Fetches the CSV of every active company, takes over new and changed rows, and keeps lines that cannot be taken
as rejections. At its end it wakes every later stage that has something due.

**What a run takes.** Woken by the clock, every 15 minutes: the CSVs of all active companies. Triggered by hand: what
the form says; an empty form means all of them. With days or sessions in the form no CSV is fetched: the run works on
the sessions that are here already. There are no backfills: a CSV is always imported whole.

**When it is red.** A company's CSV could not be fetched: the lane's last line says which and why, and so does
`livedash doctor`. The other companies were imported all the same. Correct the address or the Airflow connection;
the next run, at most 15 minutes later, tries again. If *plan* is red, its last line is the reason: a form that
makes no sense, or a database that is not there; nothing was touched.

Failed *sessions* (a date that nobody can read) do not turn a run red: the lane's log ends with the first of them,
the LiveDash page has them all. Correct the CSV; a changed row is tried again by itself.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import CronTriggerTimetable, dag

from livedash_core.airflow.forms import explained, scope_form
from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, stage_tasks


@dag(
    dag_id="livedash_csv_import",
    dag_display_name="LiveDash: Import CSVs",
    description="LiveDash: imports every active company's CSV",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    # No backfills: a CSV is always imported whole, and what CSV_IMPORT could not read has no start to choose it by.
    allowed_run_types=["scheduled", "manual", "operator_triggered", "asset_materialization"],
    params=scope_form(),
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=explained(__doc__, scope_form()),
)
def csv_import() -> None:
    """The stage CSV_IMPORT."""
    stage_tasks("CSV_IMPORT")


csv_import()

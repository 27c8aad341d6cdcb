"""
### Import CSVs

Fetches the CSV of every active company, takes over new and changed rows, and keeps lines that cannot be taken
as rejections.

**What a run takes.** Woken by an Asset or by the clock: everything that is due. Triggered by hand: what the form
says; an empty form means everything that is due.

**When it is red.** A company's CSV could not be fetched: the lane's last line says which and why, and so does
`livedash doctor`. The other companies were imported all the same. Correct the address or the Airflow connection;
the next run, at most 15 minutes later, tries again.
"""

from __future__ import annotations

import pendulum
from airflow.sdk import CronTriggerTimetable, dag

from livedash_core.airflow.forms import scope_form
from livedash_core.airflow.lanes import stage_tasks


@dag(
    dag_id="livedash_csv_import",
    dag_display_name="LiveDash: Import CSVs",
    description="LiveDash: imports every active company's CSV",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    params=scope_form(),
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=__doc__,
)
def csv_import() -> None:
    """The stage CSV_IMPORT."""
    stage_tasks("CSV_IMPORT")


csv_import()

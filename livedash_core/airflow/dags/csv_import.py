"""
### Import CSVs

Fetches the CSV of every active company, stores new and changed rows, and keeps the lines that it cannot read as
rejections. At its end it wakes every later stage that has due sessions.

**What a run processes.** The schedule starts a run every 15 minutes: it imports the CSVs of all active companies. A run
that is triggered by hand imports those that its form selects; an empty form selects all of them. With days or sessions
in the form, the run fetches no CSV and processes sessions that are already stored. There are no backfills: a CSV is
always imported as a whole.

**When it is red.** A company's CSV could not be fetched: the lane's last log line names the company and the reason, and
so does `livedash doctor`. The other companies were imported. Correct the address or the Airflow connection; the next
run, at most 15 minutes later, tries again. If *plan* is red, its last log line gives the reason: an invalid form or an
unreachable database. Nothing was changed.

Failed *sessions* (an unreadable date) do not turn a run red. The lane's log ends with the first of them, and the
LiveDash page lists them all. Correct the CSV; a changed row is retried automatically.
"""

from __future__ import annotations

from typing import Any

import pendulum
from airflow.sdk import CronTriggerTimetable, dag
from airflow.utils.types import DagRunType

from livedash_core.airflow.forms import document, scope_form
from livedash_core.airflow.stage_tasks import RUN_TIMEOUT, add_stage_tasks

#: No backfills: a CSV is always imported as a whole, and a row with an unreadable date has no start to select it by.
#: By value, because the task SDK has its own DagRunType; Airflow 3.2 has no "operator_triggered".
RUN_TYPES: list[Any] = [kind.value for kind in DagRunType if kind.value not in ("backfill", "asset_triggered")]


@dag(
    dag_id="livedash_csv_import",
    dag_display_name="LiveDash: Import CSVs",
    description="LiveDash: imports every active company's CSV",
    schedule=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=RUN_TIMEOUT,
    allowed_run_types=RUN_TYPES,
    params=scope_form(),
    tags=["livedash"],
    default_args={"owner": "livedash"},
    doc_md=document(__doc__, scope_form()),
)
def csv_import() -> None:
    """Define the tasks of the stage CSV_IMPORT."""
    add_stage_tasks("CSV_IMPORT")

"""The end of a run: who is told what.

An event only wakes. None is lost for good: whatever it was about stays due in the database, and every import run
(each 15 minutes) wakes the stages that have something due.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from livedash_core.airflow.assets import PUBLISHED, WAKE, awaited
from livedash_core.airflow.connections import checked_engine
from livedash_core.airflow.stopping import no_retry
from livedash_core.airflow.telling import REPORT, add_up, log_run
from livedash_core.stages.registry import default_registry
from livedash_core.status import ProcessingStatusManager

log = logging.getLogger(__name__)


def publish(stage: str, lanes: list[dict[str, Any]], outlet_events: Any) -> None:
    """Tell the next stage, if anything moved on, and this one again, if time ran out before the work did.

    Raises ``AirflowSkipException``, which publishes nothing, otherwise.
    """
    context = get_current_context()
    found = context["ti"].xcom_pull(task_ids="lane", key=REPORT, map_indexes=list(range(len(lanes)))) if lanes else []
    reports = [report for report in found if report]
    log_run(stage, context["dag_run"], reports)
    totals = add_up(reports)
    moved = totals["completed"] + totals["skipped"]
    untold = len(reports) < len(lanes) or not all(report["first_try"] for report in reports)
    stages = list(PUBLISHED)
    following = stages[stages.index(stage) + 1 :][:1]
    # A worker that died never told what it had moved on; the next stage's queue tells.
    if not moved and not (untold and set(following) & set(_due_stages())):
        raise AirflowSkipException(f"{stage}: nothing moved on, nobody is woken")
    outlet_events[PUBLISHED[stage]].extra = totals
    out_of_time = any(report["out_of_time"] for report in reports)
    if out_of_time and stage != stages[0] and stage in _due_stages():
        outlet_events[WAKE].add(awaited(stage), extra={"woken_by": stage})
        log.info("%s: time ran out and more is due; it goes on in a run of its own", stage)


def wake(stage: str, outlet_events: Any) -> None:
    """Wake every later stage that has due work: a retry whose time has come, an expired lease, a leftover."""
    due = [later for later in _due_stages() if later in PUBLISHED and later != stage]
    if not due:
        raise AirflowSkipException("nothing is due")
    for later in due:
        outlet_events[WAKE].add(awaited(later), extra={"woken_by": stage})
    log.info("woken: %s", ", ".join(due))


def _due_stages() -> list[str]:
    with no_retry(), checked_engine().connect() as connection:
        return ProcessingStatusManager(connection, stages=default_registry().names).get_due_stages()

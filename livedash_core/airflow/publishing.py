"""The end of a run: who is told what.

An event only wakes. None is lost for good: whatever it was about stays due in the database, and every import run
(each 15 minutes) wakes the stages that have something due.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from livedash_core.airflow.assets import WAKE, awaited, published
from livedash_core.airflow.connections import checked_engine
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.airflow.reporting import REPORT, add_up, log_run_summary
from livedash_core.pipeline import load_pipeline
from livedash_core.stages.ai_analysis.batch import selection
from livedash_core.status import ProcessingStatusManager

log = logging.getLogger(__name__)


def publish(stage: str, lanes: list[dict[str, Any]], outlet_events: Any) -> None:
    """Tell the next stage, if anything moved on, and this one again, if time ran out before the work did.

    Raises ``AirflowSkipException``, which publishes nothing, otherwise.
    """
    reports = _reports(lanes)
    log_run_summary(stage, get_current_context()["dag_run"], reports)
    if not _moved_on(stage, lanes, reports):
        raise AirflowSkipException(f"{stage}: nothing moved on, nobody is woken")
    outlet_events[published(stage)].extra = add_up(reports)
    out_of_time = any(report["out_of_time"] for report in reports)
    if out_of_time and stage != load_pipeline().first and stage in _due_stages():
        outlet_events[WAKE].add(awaited(stage), extra={"woken_by": stage})
        log.info("%s: time ran out and more is due; it goes on in a run of its own", stage)


def wake(stage: str, lanes: list[dict[str, Any]], outlet_events: Any) -> None:
    """Wake every later stage that has due work: a retry whose time has come, an expired lease, a leftover."""
    told = {stage, *(_following(stage) if _moved_on(stage, lanes, _reports(lanes)) else ())}
    due = [later for later in _due_stages() if later not in told]
    if not due:
        raise AirflowSkipException("nobody else has anything due")
    for later in due:
        outlet_events[WAKE].add(awaited(later), extra={"woken_by": stage})
    log.info("woken: %s", ", ".join(due))


def _reports(lanes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the lanes left, of those that lived to leave it."""
    if not lanes:
        return []
    task_instance = get_current_context()["ti"]
    found = task_instance.xcom_pull(task_ids="lane", key=REPORT, map_indexes=list(range(len(lanes))))
    return [report for report in found if report]


def _moved_on(stage: str, lanes: list[dict[str, Any]], reports: list[dict[str, Any]]) -> bool:
    totals = add_up(reports)
    if totals["completed"] + totals["skipped"]:
        return True
    # A worker that died never told what it had moved on; the next stage's queue tells.
    died = len(reports) < len(lanes) or not all(report["first_try"] for report in reports)
    return died and not _following(stage).isdisjoint(_due_stages())


def _following(stage: str) -> set[str]:
    """The next stage, if there is one."""
    following = load_pipeline().next(stage)
    return {following} if following else set()


def _due_stages() -> list[str]:
    pipeline = load_pipeline()
    with fail_without_retry(), checked_engine().connect() as connection:
        due = set(ProcessingStatusManager(connection, pipeline=pipeline).get_due_stages())
        # The run that monitored a batch has died: its sessions are held until the batch is collected.
        if selection.has_unmonitored_batches(connection):
            due.add(selection.STAGE)
    return [stage for stage in pipeline.names if stage in due]

"""The end of a run: the Asset events that it emits.

An event only starts a run. A lost event does no lasting harm: its sessions stay due in the database, and every import
run (every 15 minutes) wakes the stages with due sessions.
"""

from __future__ import annotations

import logging
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowSkipException

from livedash_core.airflow.assets import WAKE, awaited, published
from livedash_core.airflow.connections import checked_engine
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.airflow.reporting import REPORT, log_run_summary, sum_reports
from livedash_core.pipeline import load_pipeline
from livedash_core.stages.ai_analysis.batch import selection
from livedash_core.status import ProcessingStatusManager

log = logging.getLogger(__name__)


def publish(stage: str, lanes: list[dict[str, Any]], outlet_events: Any) -> None:
    """Publish the stage's Asset if sessions moved on, and wake this stage again if its time ran out with sessions due.

    Raises ``AirflowSkipException``, so that no event is emitted, when no session moved on.
    """
    reports = _reports(lanes)
    log_run_summary(stage, get_current_context()["dag_run"], reports)
    if not _moved_on(stage, lanes, reports):
        raise AirflowSkipException(f"{stage}: no session moved on, so no stage is woken")
    rejected = sum(report.get("rejected_lines", 0) for report in reports)
    outlet_events[published(stage)].extra = sum_reports(reports) | ({"rejected_lines": rejected} if rejected else {})
    out_of_time = any(report["out_of_time"] for report in reports)
    if out_of_time and stage != load_pipeline().first and stage in _due_stages():
        outlet_events[WAKE].add(awaited(stage), extra={"woken_by": stage})
        log.info("%s: time ran out with sessions due; another run continues", stage)


def wake(stage: str, lanes: list[dict[str, Any]], outlet_events: Any) -> None:
    """Wake every later stage with due sessions: after a backoff, an expired lease, an unfinished run."""
    published_to = _next_stage(stage) if _moved_on(stage, lanes, _reports(lanes)) else set()
    due = [later for later in _due_stages() if later not in {stage, *published_to}]
    if not due:
        raise AirflowSkipException("no other stage has due sessions")
    for later in due:
        outlet_events[WAKE].add(awaited(later), extra={"woken_by": stage})
    log.info("woken: %s", ", ".join(due))


def _reports(lanes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The reports of the lanes; a lane whose worker died has none."""
    if not lanes:
        return []
    task_instance = get_current_context()["ti"]
    found = task_instance.xcom_pull(task_ids="lane", key=REPORT, map_indexes=list(range(len(lanes))))
    return [report for report in found if report]


def _moved_on(stage: str, lanes: list[dict[str, Any]], reports: list[dict[str, Any]]) -> bool:
    totals = sum_reports(reports)
    if totals["completed"] + totals["skipped"]:
        return True
    # A worker that died left no report; the next stage's due sessions show whether it had moved any on.
    died = len(reports) < len(lanes) or not all(report["first_try"] for report in reports)
    return died and next_stage_is_due(stage)


def next_stage_is_due(stage: str) -> bool:
    """Whether sessions are due for the stage after ``stage``."""
    return not _next_stage(stage).isdisjoint(_due_stages())


def _next_stage(stage: str) -> set[str]:
    """The next stage; empty after the last."""
    following = load_pipeline().next(stage)
    return {following} if following else set()


def _due_stages() -> list[str]:
    pipeline = load_pipeline()
    with fail_without_retry(), checked_engine().connect() as connection:
        due = set(ProcessingStatusManager(connection, pipeline=pipeline).get_due_stages())
        # A batch without a running task holds its sessions, so they are not due; a run must collect it all the same.
        if selection.has_unmonitored_batches(connection):
            due.add(selection.STAGE)
    return [stage for stage in pipeline.names if stage in due]

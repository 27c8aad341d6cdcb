"""A lane: one mapped task that processes due sessions of the run until none is left or its time is up."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from livedash_core.airflow import connections
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.airflow.progress import Progress
from livedash_core.airflow.reporting import REPORT, emit_metrics, log_report
from livedash_core.airflow.run_scope import from_json
from livedash_core.pipeline import load_pipeline
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import create_stage

if TYPE_CHECKING:
    from livedash_core.airflow.batch_lane import BatchStep

log = logging.getLogger(__name__)


def run(stage: str, lane: dict[str, Any]) -> None:
    """Process one lane. Its report becomes an XCom, also when the lane fails.

    Raises ``AirflowFailException`` for an error that stopped the stage or a company, because a retry cannot help.
    Raises ``AirflowException``, which Airflow retries, when the worker was asked to stop.
    """
    dag_run = _log_start(stage, lane)
    if "skipped_for_good" in lane:
        # The plan has skipped them. Nothing is processed: the run was not started for what is due.
        _push_report(StageReport(stage, skipped=lane["skipped_for_good"]), out_of_time=False)
        return
    with fail_without_retry():
        runner = _runner(stage, lane, dag_run)
        # Replaces Airflow's handler, which would not stop the runner. Airflow also sends the signal to a task that is
        # marked failed and to a run that timed out, five seconds before SIGKILL.
        signal.signal(signal.SIGTERM, lambda _number, _frame: runner.stop())
        try:
            runner.run()
        finally:
            # The sessions that a failed lane moved on are published too.
            out_of_time = runner.budget_seconds is not None and runner.report.seconds >= runner.budget_seconds
            _push_report(runner.report, out_of_time=out_of_time)
    _raise_incidents(runner.report, stopped=runner.should_stop())


def run_batch_step(stage: str, lane: dict[str, Any], before: dict[str, Any] | None) -> BatchStep | None:
    """Run one step of the lane with the batches, between two deferrals. Raises like ``run``.

    ``before`` is the report of the earlier steps, None for the first. Returns what to wait for, or None at the end.
    """
    from livedash_core.airflow.batch_lane import run_step

    dag_run = _log_start(stage, lane)
    with fail_without_retry():
        step = run_step(lane, dag_run, before)
    if step.wait_seconds:
        log_report(step.report)
        return step
    _push_report(step.report, out_of_time=False)
    _raise_incidents(step.report, stopped=step.stopped)
    return None


def _log_start(stage: str, lane: dict[str, Any]) -> str:
    """Log what the lane is about; returns the run as ``dag_id/run_id``."""
    context = get_current_context()
    context["label"] = lane["label"]  # type: ignore[typeddict-unknown-key] # what map_index_template shows
    log.info("%s, %s: %s", stage, lane["label"], lane["about"])
    return f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"


def _push_report(report: StageReport, *, out_of_time: bool) -> None:
    """Push the report for the task that publishes, log it, and emit its metrics.

    ``first_try`` is part of it: an earlier try may have moved sessions on and died before it pushed its report.
    """
    instance = get_current_context()["ti"]
    pushed = {**report.as_dict(), "out_of_time": out_of_time, "first_try": instance.try_number == 1}
    if report.rejected:
        pushed["rejected_lines"] = report.rejected_lines
    instance.xcom_push(key=REPORT, value=pushed)
    log_report(report)
    emit_metrics(report)


def _raise_incidents(report: StageReport, *, stopped: bool) -> None:
    if stopped:
        raise AirflowException("the task was stopped; its unfinished sessions have been released")
    if incidents := report.incidents:
        for incident in incidents:
            log.error("%s", incident)
        raise AirflowFailException("; ".join(str(incident) for incident in incidents))


def _runner(stage: str, lane: dict[str, Any], dag_run: str) -> Runner[Any, Any]:
    run = from_json(lane)
    context = connections.stage_context(analyzer=run.analyzer, model=run.model)
    pipeline = load_pipeline()
    return Runner(
        context.engine,
        create_stage(pipeline.stage(stage), context),
        pipeline,
        scope=run.scope,
        limit=run.limit,
        budget_seconds=context.settings.lane_seconds,
        dag_run=dag_run,
        on_progress=Progress(),
    )

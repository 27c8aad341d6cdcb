"""A lane: one process that drains a share of the run until nothing is due or its time is up."""

from __future__ import annotations

import logging
import signal
from typing import TYPE_CHECKING, Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from livedash_core.airflow import connections
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.airflow.progress import Progress
from livedash_core.airflow.reporting import REPORT, log_report, measure
from livedash_core.airflow.run_scope import from_json
from livedash_core.pipeline import load_pipeline
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import create_stage

if TYPE_CHECKING:
    from livedash_core.airflow.batch_lane import BatchStep

log = logging.getLogger(__name__)


def run(stage: str, lane: dict[str, Any]) -> None:
    """Drain one lane; its report is left as an XCom however it ends.

    Raises ``AirflowFailException`` for what stopped the stage or a company: no retry mends that. Raises
    ``AirflowException``, which is retried, when the worker was told to stop.
    """
    dag_run = _begin(stage, lane)
    with fail_without_retry():
        runner = _runner(stage, lane, dag_run)
        # Instead of Airflow's own handler, which ends nothing. A task marked failed and a run that timed out get
        # the signal too, and five seconds before SIGKILL.
        signal.signal(signal.SIGTERM, lambda _number, _frame: runner.stop())
        try:
            runner.run()
        finally:
            # What a red lane moved on is published all the same.
            out_of_time = runner.budget_seconds is not None and runner.report.seconds >= runner.budget_seconds
            _leave(runner.report, out_of_time=out_of_time)
    _end(runner.report, stopped=runner.should_stop())


def take_turn(stage: str, lane: dict[str, Any], before: dict[str, Any] | None) -> BatchStep | None:
    """One turn of the lane with the batches; returns what to wait for, or None at the end. Raises like ``run``."""
    from livedash_core.airflow.batch_lane import run_step

    dag_run = _begin(stage, lane)
    with fail_without_retry():
        turn = run_step(lane, dag_run, before)
    if turn.wait_seconds:
        log_report(turn.report)
        return turn
    _leave(turn.report, out_of_time=False)
    _end(turn.report, stopped=turn.stopped)
    return None


def _begin(stage: str, lane: dict[str, Any]) -> str:
    context = get_current_context()
    context["label"] = lane["label"]  # type: ignore[typeddict-unknown-key] # what map_index_template shows
    log.info("%s, %s: %s", stage, lane["label"], lane["about"])
    return f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}"


def _leave(report: StageReport, *, out_of_time: bool) -> None:
    """The report for the task that publishes. An earlier try may have moved sessions on and died before it told."""
    instance = get_current_context()["ti"]
    told = {**report.as_dict(), "out_of_time": out_of_time, "first_try": instance.try_number == 1}
    instance.xcom_push(key=REPORT, value=told)
    log_report(report)
    measure(report)


def _end(report: StageReport, *, stopped: bool) -> None:
    if stopped:
        raise AirflowException("stopped from outside; what was unfinished has been given back")
    if incidents := report.incidents:
        for incident in incidents:
            log.error("%s", incident)
        raise AirflowFailException("; ".join(str(incident) for incident in incidents))


def _runner(stage: str, lane: dict[str, Any], dag_run: str) -> Runner[Any, Any]:
    run = from_json(lane)
    tools = connections.tools(analyzer=run.analyzer, model=run.model)
    pipeline = load_pipeline()
    return Runner(
        tools.engine,
        create_stage(pipeline.stage(stage), tools),
        pipeline,
        scope=run.scope,
        limit=run.limit,
        budget_seconds=tools.settings.lane_seconds,
        dag_run=dag_run,
        on_progress=Progress(),
    )

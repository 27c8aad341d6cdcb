"""A lane: one process that drains a share of the run until nothing is due or its time is up."""

from __future__ import annotations

import logging
import signal
from typing import Any

from airflow.sdk import get_current_context
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from livedash_core.airflow import connections
from livedash_core.airflow.progress import Progress
from livedash_core.airflow.run_scope import from_json
from livedash_core.airflow.stopping import no_retry
from livedash_core.airflow.telling import REPORT, log_report, measure
from livedash_core.stages.registry import default_registry
from livedash_core.stages.runner import Runner

log = logging.getLogger(__name__)


def run(stage: str, lane: dict[str, Any]) -> None:
    """Drain one lane; its report is left as an XCom however it ends.

    Raises ``AirflowFailException`` for what stopped the stage or a company: no retry mends that. Raises
    ``AirflowException``, which is retried, when the worker was told to stop.
    """
    context = get_current_context()
    context["label"] = lane["label"]  # type: ignore[typeddict-unknown-key] # what map_index_template shows
    log.info("%s, %s: %s", stage, lane["label"], lane["about"])
    with no_retry():
        runner = _runner(stage, lane, f"{context['dag_run'].dag_id}/{context['dag_run'].run_id}")
        # Instead of Airflow's own handler, which ends nothing. A task marked failed and a run that timed out get
        # the signal too, and five seconds before SIGKILL.
        signal.signal(signal.SIGTERM, lambda _number, _frame: runner.stop())
        try:
            runner.run()
        finally:
            # What a red lane moved on is published all the same.
            context["ti"].xcom_push(key=REPORT, value=_summary(runner, context["ti"].try_number))
            log_report(runner.report)
            measure(runner.report)
    if runner.stopping():
        raise AirflowException("stopped from outside; what was unfinished has been given back")
    if incidents := runner.report.incidents:
        for incident in incidents:
            log.error("%s", incident)
        raise AirflowFailException("; ".join(str(incident) for incident in incidents))


def _runner(stage: str, lane: dict[str, Any], dag_run: str) -> Runner:
    run = from_json(lane)
    engine = connections.checked_engine()
    tools = connections.tools(engine, analyzer=run.analyzer, model=run.model)
    registry = default_registry()
    return Runner(
        engine,
        registry.create(stage, tools),
        registry.names,
        scope=run.scope,
        limit=run.limit,
        budget_seconds=tools.settings.lane_seconds,
        dag_run=dag_run,
        on_progress=Progress(),
    )


def _summary(runner: Runner, try_number: int) -> dict[str, Any]:
    """The report for the task that publishes. An earlier try may have moved sessions on and died before it told."""
    out_of_time = runner.budget_seconds is not None and runner.report.seconds >= runner.budget_seconds
    return {**runner.report.as_dict(), "out_of_time": out_of_time, "first_try": try_number == 1}

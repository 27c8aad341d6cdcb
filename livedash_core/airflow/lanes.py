"""The tasks every stage's DAG is made of: plan → lanes side by side → publish, and a leaf that tells the truth.

An Asset event only wakes; what is due, the database says. Row failures leave a run green and visible; what stops a
stage or a company turns it red, after the rest was published.
"""

from __future__ import annotations

import logging
import signal
from dataclasses import replace
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import get_current_context, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from livedash_core.airflow.assets import PUBLISHED, WAKE, awaited

log = logging.getLogger(__name__)

#: A lane ends after so long; what is left then continues in a run of its own, and later stages do not wait for it.
LANE_SECONDS = 600.0
#: For a worker or an API server that comes and goes; what no retry mends is an ``AirflowFailException``.
PATIENCE: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=10)}
REPORT = "report"
COUNTED = ("claimed", "completed", "failed", "skipped", "released")


def stage_tasks(stage: str) -> None:
    """Put the tasks of ``stage`` into the DAG that is being defined."""

    # Nothing due: all that follows is skipped, and an empty run costs one task.
    @task.short_circuit(task_id="plan", **PATIENCE)
    def plan_lanes() -> list[dict[str, Any]]:
        return _plan(stage)

    @task(task_id="lane", map_index_template="{{ label }}", show_return_value_in_logs=False, **PATIENCE)
    def run_lane(lane: dict[str, Any]) -> None:
        _run_lane(stage, lane)

    @task(task_id="publish", outlets=[PUBLISHED[stage], WAKE], trigger_rule="all_done", **PATIENCE)
    def publish_moved(lanes: list[dict[str, Any]] | None, *, outlet_events: Any) -> None:
        _publish(stage, lanes or [], outlet_events)

    @task(task_id="wake", outlets=[WAKE], trigger_rule="all_done", **PATIENCE)
    def wake_later_stages(*, outlet_events: Any) -> None:
        _wake(stage, outlet_events)

    lanes = plan_lanes()
    done = run_lane.expand(lane=lanes)
    done >> publish_moved(lanes)  # type: ignore[call-arg, arg-type] # Airflow injects the events, resolves the XCom
    done >> EmptyOperator(task_id="all_lanes_ok", doc_md="Red when a lane was: a published Asset must not hide that.")
    if stage == next(iter(PUBLISHED)):
        # The one DAG with a clock looks after all others: nothing that is due waits for a daily sweep.
        done >> wake_later_stages()  # type: ignore[call-arg] # Airflow injects the events


def _plan(stage: str) -> list[dict[str, Any]]:
    """Read what the run is about, reset what it retries, and hand out lanes; none if nothing is due."""
    from livedash_core.airflow.connections import checked_engine, settings
    from livedash_core.airflow.run_scope import for_companies, run_scope, to_json
    from livedash_core.errors import LiveDashError
    from livedash_core.operations.companies import active_companies
    from livedash_core.stages.registry import default_registry
    from livedash_core.status import ProcessingStatusManager

    context = get_current_context()
    dag_run = context["dag_run"]
    interval = (dag_run.data_interval_start, dag_run.data_interval_end)
    number = settings().lanes
    try:
        engine = checked_engine()
        with engine.begin() as connection:
            run = run_scope(connection, dag_run.run_type, context["params"], dag_run.conf or {}, interval)
            manager = ProcessingStatusManager(connection, stages=default_registry().names)
            if run.retry_failed:
                reset = manager.reset_failed(replace(run.scope, stages=(stage,)))
                log.info("%s: %d failed sessions are tried again", stage, sum(reset.values()))
            due = stage in manager.get_due_stages()
            companies = active_companies(connection)
    except LiveDashError as error:
        raise AirflowFailException(str(error)) from error
    log.info("%s, %s run, scope %s: %s", stage, dag_run.run_type, run.scope, "work is due" if due else "nothing is due")
    if stage == "CSV_IMPORT" and not run.scope.names_sessions:
        # Intake goes by company: each lane has its own.
        wanted = [company for company in companies if run.scope.company_ids in (None, (company,))]
        shares = [tuple(wanted[start::number]) for start in range(min(number, len(wanted)))]
        runs = [for_companies(run, share) for share in shares]
    elif due:
        # A limit is for the run: one lane keeps it simple and exact.
        runs = [run] * (1 if run.limit else number)
    else:
        runs = []
    return [
        {"number": position, "of": len(runs), "drains": run.drains, **to_json(lane)}
        for position, lane in enumerate(runs, start=1)
    ]


def _run_lane(stage: str, lane: dict[str, Any]) -> None:
    """Drain one lane. Raises ``AirflowFailException`` for what stopped the stage or a company: no retry mends that."""
    from livedash_core.airflow import connections
    from livedash_core.airflow.run_scope import from_json
    from livedash_core.errors import LiveDashError
    from livedash_core.stages.registry import default_registry
    from livedash_core.stages.runner import Runner

    context = get_current_context()
    context["label"] = f"lane {lane['number']} of {lane['of']}"  # type: ignore[typeddict-unknown-key] # map_index_template
    dag_run = context["dag_run"]
    run = from_json(lane)
    registry = default_registry()
    try:
        engine = connections.checked_engine()
        tools = connections.tools(engine, analyzer=run.analyzer, model=run.model)
        runner = Runner(
            engine,
            registry.create(stage, tools),
            registry.names,
            scope=run.scope,
            limit=run.limit,
            budget_seconds=LANE_SECONDS,
            dag_run=f"{dag_run.dag_id}/{dag_run.run_id}",
            on_progress=lambda report: log.info("%s: %s", stage, report.as_dict()),
        )
        signal.signal(signal.SIGTERM, lambda _number, _frame: runner.stop())
        report = runner.run()
    except LiveDashError as error:
        raise AirflowFailException(str(error)) from error
    # Pushed before anything is raised: what a red lane moved on is published all the same.
    context["ti"].xcom_push(key=REPORT, value=report.as_dict())
    log.info("%s: done, %s", stage, report.as_dict())
    for session_id, message in report.failures:
        log.warning("session %s: %s", session_id, message)
    if runner.stopping():
        raise AirflowFailException(f"{stage} was stopped; what was unfinished has been given back")
    if report.incidents:
        raise AirflowFailException("; ".join(str(incident) for incident in report.incidents))


def _publish(stage: str, lanes: list[dict[str, Any]], outlet_events: Any) -> None:
    """Tell the next stage, if anything moved on, and this one again, if time ran out before the work did."""
    reports = get_current_context()["ti"].xcom_pull(
        task_ids="lane", key=REPORT, map_indexes=list(range(len(lanes))), default=None
    )
    totals = {name: sum(report[name] for report in reports or () if report) for name in COUNTED}
    if not totals["completed"] + totals["skipped"]:
        raise AirflowSkipException(f"{stage}: nothing moved on, nobody is woken")
    outlet_events[PUBLISHED[stage]].extra = totals
    log.info("%s: %s", stage, totals)
    if lanes[0]["drains"] and stage != next(iter(PUBLISHED)) and stage in _due_stages():
        outlet_events[WAKE].add(awaited(stage), extra={"woken_by": stage})
        log.info("%s: more is due, it goes on in a run of its own", stage)


def _wake(stage: str, outlet_events: Any) -> None:
    """Wake every later stage that has due work: a retry whose time has come, an expired lease, a leftover."""
    due = [later for later in _due_stages() if later in PUBLISHED and later != stage]
    if not due:
        raise AirflowSkipException("nothing is due")
    for later in due:
        outlet_events[WAKE].add(awaited(later), extra={"woken_by": stage})
    log.info("woken: %s", ", ".join(due))


def _due_stages() -> list[str]:
    from livedash_core.airflow.connections import make_engine
    from livedash_core.stages.registry import default_registry
    from livedash_core.status import ProcessingStatusManager

    with make_engine().connect() as connection:
        return ProcessingStatusManager(connection, stages=default_registry().names).get_due_stages()

"""The first task of a run: it reads the run's scope, resets sessions to retry, and decides on the lanes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import ceil
from typing import Any

from airflow.sdk import get_current_context
from sqlalchemy import Connection

from livedash_core.airflow import connections
from livedash_core.airflow.backfill_notes import NO_FORM, REMEDY
from livedash_core.airflow.connections import checked_engine
from livedash_core.airflow.fail_without_retry import fail_without_retry
from livedash_core.airflow.publishing import next_stage_is_due
from livedash_core.airflow.reporting import log_run_summary
from livedash_core.airflow.run_scope import BACKFILL, RunScope, describe_scope, for_companies, run_scope, to_json
from livedash_core.costs import describe_forecast
from livedash_core.operations.companies import active_companies
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.batch import selection
from livedash_core.stages.execution.runner import add_missing_stage_rows
from livedash_core.status import ProcessingStatusManager, Scope
from livedash_core.status.due import count_due

log = logging.getLogger(__name__)

#: A lane takes seconds to start: one lane is enough for so few sessions.
SESSIONS_PER_LANE = 50
#: Counting stops here: an exact number is not needed and would cost time.
MAX_COUNTED = 100_000


def plan(stage: str) -> list[dict[str, Any]]:
    """Plan the lanes of the run; none if no session is due. Sessions to retry, run again or skip are changed first.

    Raises ``AirflowFailException`` for an invalid form or an unreachable database; nothing is changed then.
    """
    context = get_current_context()
    dag_run = context["dag_run"]
    # The run's params contain every key of its conf; only those of the DAG belong to the form.
    form: Mapping[str, Any] = {name: context["params"][name] for name in context["dag"].params}
    with fail_without_retry():
        engine = checked_engine()
        with engine.connect() as connection:
            interval = (dag_run.data_interval_start, dag_run.data_interval_end)
            run = run_scope(connection, dag_run.run_type, form, dag_run.conf or {}, interval)
        about = describe_scope(run, form)
        log.info("%s, %s run: %s", stage, dag_run.run_type.value, about)
        if dag_run.run_type == BACKFILL and not dag_run.conf:
            log.warning("%s, so it takes %s. %s", NO_FORM, about, REMEDY)
        # Sessions from before the stage was added are due only once they have its row.
        add_missing_stage_rows(engine, load_pipeline())
        with engine.begin() as connection:
            if run.rerun:
                log.info("%s", _forecast(connection, stage, run))
                log.info("%d sessions run again from this stage on", _reopen(connection, stage, run))
            if run.retry_failed:
                log.info("%d failed sessions are retried", _reset(connection, stage, run))
            skipped = _skip(connection, stage, run, dag_run) if run.skip_reason else 0
            if run.skip_reason:
                # The lane reports them, so that the run publishes that sessions moved on.
                lanes = [{**lane, "skipped_for_good": skipped} for lane in _with_labels([run])] if skipped else []
                extent = f"failed sessions skipped for good: {skipped:,}"
            elif stage == load_pipeline().first and not run.scope.names_sessions:
                lanes, extent = _import_lanes(connection, run)
            elif stage == selection.STAGE:
                lanes, extent = _analysis_lanes(connection, run, f"{dag_run.dag_id}/{dag_run.run_id}")
            else:
                lanes, extent = _due_lanes(connection, stage, run)
        if not lanes and context["ti"].try_number > 1 and next_stage_is_due(stage):
            # The run was cleared: its earlier lanes may have moved sessions on that nothing was published for. The
            # publishing task sees that this lane is not a first try.
            lanes, extent = _with_labels([run]), f"{extent}; the next stage has due sessions of an earlier try"
    log.info("%s; lanes: %d", extent, len(lanes))
    if not lanes:
        log_run_summary(stage, dag_run, [])
    return [{"about": f"{about}; {extent}", **lane} for lane in lanes]


def _forecast(connection: Connection, stage: str, run: RunScope) -> str:
    """A log line with the estimated cost of running the named sessions again."""
    if not selection.is_asked_again(stage, load_pipeline()):
        return "no model is called again"
    return describe_forecast(connection, run.scope.session_ids or ())


def _reopen(connection: Connection, stage: str, run: RunScope) -> int:
    manager = ProcessingStatusManager(connection, pipeline=load_pipeline())
    return len(manager.reopen(stage, run.scope.session_ids or ()))


def _reset(connection: Connection, stage: str, run: RunScope) -> int:
    """FAILED → PENDING within the scope, and sessions skipped for good that it names."""
    manager = ProcessingStatusManager(connection, pipeline=load_pipeline())
    return sum(manager.reset_failed(_failed(connection, manager, stage, run)).values())


def _skip(connection: Connection, stage: str, run: RunScope, dag_run: Any) -> int:
    """FAILED → SKIPPED within the scope, by the user who started the run."""
    manager = ProcessingStatusManager(connection, pipeline=load_pipeline())
    by = getattr(dag_run, "triggering_user_name", None) or "Airflow"
    return sum(manager.skip_failed(_failed(connection, manager, stage, run), run.skip_reason or "", by).values())


def _failed(connection: Connection, manager: ProcessingStatusManager, stage: str, run: RunScope) -> Scope:
    """The run's scope, for active companies only: no run would process the others. A limit names the sessions."""
    companies = run.scope.company_ids or tuple(active_companies(connection))
    scope = replace(run.scope, stages=(stage,), company_ids=companies)
    if run.limit is None:
        return scope
    chosen = manager.get_failed_sessions(scope, limit=run.limit)
    return replace(scope, session_ids=tuple(failed.session_id for failed in chosen))


def _import_lanes(connection: Connection, run: RunScope) -> tuple[list[dict[str, Any]], str]:
    """Lanes that share the companies among them: a CSV is imported whether or not sessions are due."""
    wanted = [company for company in active_companies(connection) if run.scope.company_ids in (None, (company,))]
    lanes = min(Settings().lanes, len(wanted))
    runs = [for_companies(run, tuple(wanted[first::lanes])) for first in range(lanes)]
    return _with_labels(runs), f"CSVs to import: {len(wanted)}"


def _analysis_lanes(connection: Connection, run: RunScope, dag_run: str) -> tuple[list[dict[str, Any]], str]:
    """Lanes for the sessions that are analysed at once, and one more lane for all batches."""
    plan = selection.plan_analysis(
        connection,
        connections.settings(),
        run.scope,
        mode=run.mode,
        analyzer=run.analyzer,
        dag_run=dag_run,
        wait_for_full_batches=True,
    )
    lanes: list[dict[str, Any]] = []
    extent, taken = "sessions due: 0", 0
    if plan.at_once is not None:
        lanes, extent = _due_lanes(connection, selection.STAGE, replace(run, scope=plan.at_once))
        taken = count_due(connection, selection.STAGE, plan.at_once, at_most=run.limit or 0) if lanes else 0
    rest = run if run.limit is None else replace(run, limit=max(0, run.limit - taken))
    if plan.has_batches and rest.limit != 0:
        lanes.append({"label": "batches", "send": [str(company) for company in plan.send], **to_json(rest)})
        extent += f", and batches of {len(plan.send)} companies" if plan.send else ", and batches to collect"
    return lanes, extent


def _with_labels(runs: Sequence[RunScope]) -> list[dict[str, Any]]:
    return [
        {"label": f"lane {number} of {len(runs)}", "send": None, **to_json(run)}
        for number, run in enumerate(runs, start=1)
    ]


def _due_lanes(connection: Connection, stage: str, run: RunScope) -> tuple[list[dict[str, Any]], str]:
    """Lanes for the due sessions, by their number; every lane claims from all of them."""
    due = count_due(connection, stage, run.scope, at_most=MAX_COUNTED)
    # A limit holds for the whole run: only one lane can keep it exactly.
    most = 1 if run.limit is not None else Settings().lanes
    lanes = min(most, ceil(due / SESSIONS_PER_LANE))
    return _with_labels([run] * lanes), f"sessions due: {due:,}{' or more' if due == MAX_COUNTED else ''}"

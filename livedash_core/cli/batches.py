"""Runs the analysis without Airflow: first what is analysed at once, then the batches, until they are collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import Engine

from livedash_core.cli.interruption import Interruption
from livedash_core.cli.output import complain
from livedash_core.cli.worker_processes import WorkerProcesses
from livedash_core.enums import Mode
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import STAGE, plan_analysis
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import StageContext
from livedash_core.status import Scope

#: After the time of the next poll, other processes leave the batches alone for so much longer.
_LEEWAY_SECONDS = 300


def analyse(
    processes: WorkerProcesses,
    engine: Engine,
    context: StageContext,
    interruption: Interruption,
    *,
    scope: Scope,
    limit: int | None,
    mode: Mode | None,
    show: Callable[..., None],
) -> StageReport:
    """Run the analysis of a scope; with ``mode`` None each company is analysed in its own mode."""
    with engine.connect() as connection:
        plan = plan_analysis(connection, context.settings, scope, mode=mode)
    report = StageReport(STAGE)
    if plan.at_once is not None:
        report = processes.run(STAGE, scope=plan.at_once, limit=limit, show=show)
    remaining = None if limit is None else limit - report.claimed
    if plan.has_batches and remaining != 0 and interruption.signal_number is None:
        report.add(_run_batches(engine, processes.pipeline, context, interruption, scope, plan.send, remaining, show))
    return report


def _run_batches(
    engine: Engine,
    pipeline: Pipeline,
    context: StageContext,
    interruption: Interruption,
    scope: Scope,
    company_ids: Sequence[UUID],
    limit: int | None,
    show: Callable[..., None],
) -> StageReport:
    """Submit what is due of these companies and wait for all batches of the scope; a signal ends the waiting."""
    # Imported here because the provider's SDK takes a second to import, and most commands do not need it.
    from livedash_core.stages.ai_analysis.batch.runner import BatchRunner
    from livedash_core.stages.ai_analysis.stage import AiAnalysis

    seconds = context.settings.batch_poll_seconds
    with (
        BatchRunner(
            engine,
            AiAnalysis(context),
            pipeline,
            scope=scope,
            limit=limit,
            monitored_seconds=seconds + _LEEWAY_SECONDS,
            on_progress=show,
        ) as batches,
        interruption.stops(batches.stop),
    ):
        batches.poll()
        batches.submit(company_ids)
        while in_progress := batches.poll():
            done, total = sum(row.requests_done for row in in_progress), sum(row.requests for row in in_progress)
            show(batches.report, f"batches: {done:,}/{total:,} answered")
            if interruption.wait(seconds):
                complain("batches go on by themselves; `livedash process` or Airflow collects them later", style="")
                break
        batches.detach()
    return batches.report

"""Analysing without Airflow: what is analysed at once, then batches: sent, waited for and collected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from uuid import UUID

from sqlalchemy import Engine

from livedash_core.cli.interruption import Interruption
from livedash_core.cli.output import complain
from livedash_core.enums import Mode
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch import selection
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import StageContext, create_stage
from livedash_core.status import Scope

#: After a look, so much longer than until the next one, nobody else need look.
_LEEWAY_SECONDS = 300


def analyse(
    engine: Engine,
    pipeline: Pipeline,
    tools: StageContext,
    interruption: Interruption,
    *,
    scope: Scope,
    limit: int | None,
    mode: Mode | None,
    show: Callable[..., None],
) -> StageReport:
    """Run the stage that a model may do in batches; ``mode`` None leaves it to each company."""
    with engine.connect() as connection:
        split = selection.split_companies(connection, tools.settings, scope.company_ids, mode=mode, analyzer=None)
        batched = split.in_batches or selection.left_alone(connection, scope.company_ids)
    report = StageReport(selection.STAGE)
    if split.at_once or not batched:
        at_once = replace(scope, company_ids=split.at_once) if split.in_batches else scope
        stage = create_stage(pipeline.stage(selection.STAGE), tools)
        report = interruption.run(Runner(engine, stage, pipeline, scope=at_once, limit=limit, on_progress=show))
    rest = None if limit is None else limit - report.claimed
    if batched and rest != 0 and interruption.signal_number is None:
        report.add(_run_batches(engine, pipeline, tools, interruption, scope, split.in_batches, rest, show))
    return report


def _run_batches(
    engine: Engine,
    pipeline: Pipeline,
    tools: StageContext,
    interruption: Interruption,
    scope: Scope,
    company_ids: Sequence[UUID],
    limit: int | None,
    show: Callable[..., None],
) -> StageReport:
    """Send what is due of these companies and wait for all batches in the scope; the first signal ends the waiting."""
    # Here, not above: the model's SDK takes a second to import, and most commands never need it.
    from livedash_core.stages.ai_analysis.batch.jobs import BatchRunner
    from livedash_core.stages.ai_analysis.stage import AiAnalysis

    seconds = tools.settings.batch_poll_seconds
    with (
        BatchRunner(
            engine,
            AiAnalysis(tools),
            pipeline,
            scope=scope,
            limit=limit,
            monitored_seconds=seconds + _LEEWAY_SECONDS,
            on_progress=show,
        ) as jobs,
        interruption.stops(jobs.stop),
    ):
        jobs.look()
        jobs.submit(company_ids)
        while waiting := jobs.look():
            done, asked = sum(row.requests_done for row in waiting), sum(row.requests for row in waiting)
            show(jobs.report, f"batches: {done:,}/{asked:,} answered")
            if interruption.wait(seconds):
                complain("batches go on by themselves; `livedash process` or Airflow collects them later", style="")
                break
        jobs.leave()
    return jobs.report

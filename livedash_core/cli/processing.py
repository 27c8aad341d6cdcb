"""`livedash process`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from sqlalchemy import Engine

from livedash_core.cli.batches import analyse
from livedash_core.cli.context import credentials, database, scope_of
from livedash_core.cli.grouped import print_grouped
from livedash_core.cli.interruption import Interruption
from livedash_core.cli.options import Company, From, Json, Sessions, Stages, To
from livedash_core.cli.output import complain, errors, print_json, print_table, say
from livedash_core.cli.worker_processes import WorkerProcesses
from livedash_core.cores import available_cores
from livedash_core.enums import Mode
from livedash_core.operations.topics import Grouped, group_questions
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.batch import selection
from livedash_core.stages.question_extraction import QuestionExtraction
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import StageContext
from livedash_core.status import Scope
from livedash_core.status.due import count_due

_NAMED_COMPANIES = 10
#: The total of the progress bar is not counted further.
_MAX_COUNTED = 1_000_000


def process(
    stage: Stages = None,
    company: Company = None,
    first_day: From = None,
    last_day: To = None,
    session: Sessions = None,
    limit: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="At most N sessions per stage; a CSV is always imported in full."),
    ] = None,
    mode: Annotated[
        Mode | None,
        typer.Option(
            help="How models are called; default: each company's mode. batch: half the price, waits up to a day."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="At most N processes at once; default: one per core of this machine."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Run all stages in order, or the given ones, without Airflow.

    With --from, --to or --session only sessions that were imported before are processed, and no CSV is fetched.
    """
    settings = Settings()
    pipeline = load_pipeline()
    for name in stage or ():
        pipeline.stage(name)
    reports: dict[str, StageReport] = {}
    with Interruption() as interruption, database(settings) as engine:
        scope = scope_of(
            engine, company=company, first_day=first_day, last_day=last_day, sessions=session, only_active=True
        )
        context = StageContext(engine, settings, partial(credentials, settings))
        with WorkerProcesses(context, pipeline, interruption, workers or available_cores()) as processes:
            for name in pipeline.names:
                if interruption.signal_number is not None or (stage and name not in stage):
                    continue
                with _progress(name, _due(engine, name, scope, limit), hidden=as_json) as show:
                    if name != selection.STAGE:
                        reports[name] = processes.run(name, scope=scope, limit=limit, show=show)
                        continue
                    reports[name] = analyse(
                        processes, engine, context, interruption, scope=scope, limit=limit, mode=mode, show=show
                    )
        topics = _group(engine, settings, scope, interruption) if QuestionExtraction.name in reports else {}
    if as_json:
        print_json({**_reports_as_dict(reports), "topics": {name: done.as_dict() for name, done in topics.items()}})
    else:
        _print_reports(reports)
        print_grouped(topics)
    for report in reports.values():
        for incident in report.incidents:
            complain(f"{report.stage}: {incident}")
        for deferred in report.deferred:
            complain(f"{report.stage}: {deferred}", style="yellow")
        for name, (lines, first) in report.rejected.items():
            complain(
                f"{name}: {lines:,} lines of its CSV were rejected; {first}; see: livedash rejections", style="yellow"
            )
    if interruption.exit_code is not None:
        raise typer.Exit(interruption.exit_code)
    if any(report.failed or report.incidents for report in reports.values()):
        raise typer.Exit(1)


def _group(engine: Engine, settings: Settings, scope: Scope, interruption: Interruption) -> dict[str, Grouped]:
    """Group the new questions of the scope's company, or of all; a signal ends it after its present chunk."""
    stop = threading.Event()
    (company_id,) = scope.company_ids or (None,)
    with interruption.stops(stop.set):
        return dict(group_questions(engine, settings, company_id, stopped=stop.is_set))


def _due(engine: Engine, stage: str, scope: Scope, limit: int | None) -> int:
    """How many sessions the stage can process now; more may become due while it runs."""
    with engine.connect() as connection:
        return count_due(connection, stage, scope, at_most=min(limit or _MAX_COUNTED, _MAX_COUNTED))


@contextmanager
def _progress(stage: str, due: int, *, hidden: bool) -> Iterator[Any]:
    """Show how many of the ``due`` sessions are settled; without a total if none is due, as before an import."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=hidden) as progress:
        task = progress.add_task(stage, total=due or None)

        def show(report: StageReport, description: str = stage) -> None:
            settled = report.claimed - report.released
            total = max(due, settled) or None
            progress.update(task, completed=settled, total=total, description=description)

        yield show
        progress.update(task, total=progress.tasks[0].completed or 0)


def _reports_as_dict(reports: dict[str, StageReport]) -> dict[str, Any]:
    """The counts of each stage, and why sessions were not processed: what stopped a stage or a company, and for how
    long a company waits.
    """
    return {
        "stages": {name: report.as_dict() for name, report in reports.items()},
        "incidents": [
            {"stage": name, "company_id": incident.company_id, "message": str(incident)}
            for name, report in reports.items()
            for incident in report.incidents
        ],
        "deferred": [
            {"stage": name, "reason": deferred.reason, "message": deferred.message}
            for name, report in reports.items()
            for deferred in report.deferred
        ],
    }


def _print_reports(reports: dict[str, StageReport]) -> None:
    headings = ("claimed", "completed", "skipped", "failed", "released", "seconds")
    print_table(
        ("stage", *headings), ([name, *map(report.as_dict().get, headings)] for name, report in reports.items())
    )
    for name, report in reports.items():
        if companies := report.unchanged:
            others = len(companies) - _NAMED_COMPANIES
            which = ", ".join(companies[:_NAMED_COMPANIES]) + (f" and {others} others" if others > 0 else "")
            say(f"{name}: the CSV has not changed since it was last imported ({which})")
    failed = sum(report.failed for report in reports.values())
    named = [(name, *failure) for name, report in reports.items() for failure in report.failures]
    for name, session_id, message in named:
        complain(f"{name} {session_id}: {message}", style="")
    if failed:
        more = f"{failed - len(named)} more failed. " if failed > len(named) else ""
        complain(f"{more}`livedash failures` lists the final failures; the others are retried automatically.")

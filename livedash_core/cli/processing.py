"""`livedash process` and `livedash retry`."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from livedash_core.cli.context import credentials, database, scope_of
from livedash_core.cli.output import console, errors, print_json, print_table
from livedash_core.settings import Settings
from livedash_core.stages.registry import default_registry
from livedash_core.stages.report import StageReport
from livedash_core.stages.runner import Runner
from livedash_core.stages.stage import Tools
from livedash_core.status import ProcessingStatusManager

Stages = Annotated[list[str] | None, typer.Option("--stage", help="Only this stage; may be repeated.")]
Company = Annotated[str | None, typer.Option("--company", help="Only this company.")]
From = Annotated[
    datetime | None, typer.Option("--from", formats=["%Y-%m-%d"], help="Sessions that started on this day or later.")
]
To = Annotated[
    datetime | None, typer.Option("--to", formats=["%Y-%m-%d"], help="Sessions that started on this day or earlier.")
]
Sessions = Annotated[
    list[str] | None, typer.Option("--session", help="Only this session, by our id or the source's; may be repeated.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def process(
    stage: Stages = None,
    company: Company = None,
    first_day: From = None,
    last_day: To = None,
    session: Sessions = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many sessions per stage.")] = None,
    as_json: Json = False,
) -> None:
    """Run stages here, without Airflow: all of them in order, or those named."""
    settings = Settings()
    registry = default_registry()
    reports: dict[str, StageReport] = {}
    with database(settings) as engine:
        scope = scope_of(
            engine, company=company, first_day=first_day, last_day=last_day, sessions=session, only_active=True
        )
        tools = Tools(engine, settings, partial(credentials, settings))
        stages = [name for name in registry.names if name in stage] if stage else list(registry.names)
        for name in stage or ():
            registry.create(name, tools)  # an unknown one is refused before anything runs
        for name in stages:
            with _progress(name, hidden=as_json) as show:
                runner = Runner(
                    engine, registry.create(name, tools), registry.names, scope=scope, limit=limit, on_progress=show
                )
                with _stopped_by_signals(runner):
                    reports[name] = runner.run()
            if runner.stopping():
                break
    if as_json:
        print_json({"stages": {name: report.as_dict() for name, report in reports.items()}})
    else:
        _print_reports(reports)
    for report in reports.values():
        for incident in report.incidents:
            errors.print(f"{report.stage}: {incident}", style="red", markup=False)
    if any(report.failed or report.incidents for report in reports.values()):
        raise typer.Exit(1)


def retry(
    stage: Stages = None,
    company: Company = None,
    first_day: From = None,
    last_day: To = None,
    session: Sessions = None,
    kind: Annotated[
        list[str] | None, typer.Option(help="Only failures of this kind: transient, permanent, lease_expired.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say how many.")] = False,
    as_json: Json = False,
) -> None:
    """Put failed sessions back in line: FAILED becomes PENDING, all attempts given back."""
    with database(Settings()) as engine:
        scope = scope_of(
            engine,
            stages=stage,
            company=company,
            first_day=first_day,
            last_day=last_day,
            sessions=session,
            kinds=kind,
        )
        with engine.begin() as connection:
            manager = ProcessingStatusManager(connection, stages=default_registry().names)
            reset = manager.reset_failed(scope)
            if dry_run:
                connection.rollback()
    if as_json:
        print_json({"dry_run": dry_run, "reset": reset})
    elif not reset:
        console.print("Nothing has failed there.")
    else:
        print_table(("stage", "would be retried" if dry_run else "will be retried"), reset.items())


COMMANDS = (process, retry)


@contextmanager
def _progress(stage: str, *, hidden: bool) -> Iterator[Any]:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description:20}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors, disable=hidden) as progress:
        task = progress.add_task(stage, total=None)

        def show(report: StageReport) -> None:
            settled = report.claimed - report.released
            progress.update(task, completed=settled, description=stage)

        yield show
        progress.update(task, total=progress.tasks[0].completed or 0)


@contextmanager
def _stopped_by_signals(runner: Runner) -> Iterator[None]:
    """Ctrl-C and SIGTERM let the runner settle and release; a second one ends it at once."""

    def stop(_number: int, _frame: object) -> None:
        if runner.stopping():
            raise KeyboardInterrupt
        errors.print("stopping: what is unfinished goes back …")
        runner.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _print_reports(reports: dict[str, StageReport]) -> None:
    headings = ("claimed", "completed", "skipped", "failed", "released", "seconds")
    print_table(
        ("stage", *headings), ([name, *map(report.as_dict().get, headings)] for name, report in reports.items())
    )
    for name, report in reports.items():
        for session_id, message in report.failures:
            errors.print(f"{name} {session_id}: {message}", markup=False)

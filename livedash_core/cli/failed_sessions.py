"""`livedash retry` and `livedash skip`: change the status of failed sessions."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any

import typer
from sqlalchemy import Connection

from livedash_core.cli.context import database, scope_of
from livedash_core.cli.options import Company, From, Json, Kinds, Sessions, Stages, To
from livedash_core.cli.output import print_json, print_table, say
from livedash_core.costs import describe_forecast
from livedash_core.errors import UsageError
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.batch import selection
from livedash_core.status import ProcessingStatusManager, Scope

#: The cost forecast of `retry` covers at most so many sessions.
_MAX_FORECAST = 10_000


def retry(
    stage: Stages = None,
    company: Company = None,
    first_day: From = None,
    last_day: To = None,
    session: Sessions = None,
    kind: Kinds = None,
    skipped: Annotated[
        bool, typer.Option("--skipped", help="Also the sessions that were skipped for good; those named are anyway.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: Json = False,
) -> None:
    """Reset failed sessions to PENDING, with all attempts."""
    with _selected(
        dry_run=dry_run,
        stages=stage,
        company=company,
        first_day=first_day,
        last_day=last_day,
        sessions=session,
        kinds=kind,
    ) as (connection, manager, scope):
        forecast = _forecast(connection, manager, scope)
        reset = manager.reset_failed(scope, with_skipped=skipped)
    if as_json:
        print_json({"dry_run": dry_run, "reset": reset})
    else:
        _print_changed(reset, "would be retried" if dry_run else "will be retried")
        if selection.STAGE in reset:
            say(f"{selection.STAGE}: {forecast}.")


def skip(
    reason: Annotated[str, typer.Option(help="Why these sessions need no work; shown wherever their status is.")],
    stage: Stages = None,
    company: Company = None,
    first_day: From = None,
    last_day: To = None,
    session: Sessions = None,
    kind: Kinds = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them.")] = False,
    as_json: Json = False,
) -> None:
    """Skip failed sessions for good, with a reason: their next stage is due, and no retry takes them.

    `livedash retry --session ID` or `--skipped` takes it back.
    """
    if not any((stage, company, first_day, last_day, session, kind)):
        raise UsageError("say which failed sessions: --session, --stage, --company, --from, --to or --kind")
    with _selected(
        dry_run=dry_run,
        stages=stage,
        company=company,
        first_day=first_day,
        last_day=last_day,
        sessions=session,
        kinds=kind,
    ) as (_, manager, scope):
        skipped = manager.skip_failed(scope, reason, getpass.getuser())
    if as_json:
        print_json({"dry_run": dry_run, "skipped": skipped})
    else:
        _print_changed(skipped, "would be skipped" if dry_run else "skipped for good")


@contextmanager
def _selected(*, dry_run: bool, **options: Any) -> Iterator[tuple[Connection, ProcessingStatusManager, Scope]]:
    """Open a transaction on the sessions that ``options`` select (``scope_of``); a dry run takes back its changes."""
    with database(Settings()) as engine:
        scope = scope_of(engine, **options)
        with engine.begin() as connection:
            yield connection, ProcessingStatusManager(connection, pipeline=load_pipeline()), scope
            if dry_run:
                connection.rollback()


def _print_changed(sessions: dict[str, int], heading: str) -> None:
    """Print how many sessions of each stage were changed."""
    if sessions:
        print_table(("stage", heading), sessions.items())
    else:
        say("There are no failed sessions in this selection.")


def _forecast(connection: Connection, manager: ProcessingStatusManager, scope: Scope) -> str:
    """Describe what analysing the failed sessions again may cost."""
    if scope.stages and selection.STAGE not in scope.stages:
        return ""
    failed = manager.get_failed_sessions(replace(scope, stages=(selection.STAGE,)), limit=_MAX_FORECAST + 1)
    ids = [session.session_id for session in failed]
    return describe_forecast(connection, ids[:_MAX_FORECAST], there_are_more=len(ids) > _MAX_FORECAST)

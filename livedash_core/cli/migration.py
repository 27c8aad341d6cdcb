"""`livedash migrate`: take over livedash-node's database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from livedash_core.cli.context import database
from livedash_core.cli.output import complain, errors, print_json, print_table, say
from livedash_core.cli.processing import Json
from livedash_core.livedash_node_migration import Report, migrate_livedash_node, open_source_database
from livedash_core.livedash_node_migration.report import checksum
from livedash_core.settings import Settings

SHOWN_IDS = 3


def migrate(
    source: Annotated[
        str,
        typer.Option(
            envvar="LIVEDASH_MIGRATE_SOURCE",
            show_envvar=True,
            help="The old database's URL, as its DATABASE_URL says it; it is only read.",
        ),
    ],
    source_schema: Annotated[
        str | None, typer.Option(help="The schema of its tables.", show_default="the URL's, else public")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Do everything but keep it.")] = False,
    as_json: Json = False,
) -> None:
    """Take over a livedash-node database: companies, sessions, messages, questions, costs, and where each session is.

    May be stopped and run again at any time: only what is not here yet is copied.
    """
    settings = Settings()
    with open_source_database(source, source_schema) as old, database(settings) as engine, _progress(as_json) as show:
        report = migrate_livedash_node(old, engine, settings.home / "migration", dry_run=dry_run, on_progress=show)
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report)
    if not report.is_sound:
        complain("livedash: the rows do not add up; please report it")
        raise typer.Exit(1)


COMMANDS = (migrate,)


@contextmanager
def _progress(hidden: bool) -> Iterator[Callable[[Report], None]]:
    columns = (
        TextColumn("sessions"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=errors, disable=hidden) as progress:
        task = progress.add_task("sessions", total=None)
        yield lambda report: progress.update(task, completed=report.done, total=report.candidates)


def _print(report: Report) -> None:
    kept = "Nothing was kept: this was a dry run." if report.dry_run else ""
    say(f"livedash-node, {report.generation} its refactor, in {report.seconds:.1f} s. {kept}".rstrip())
    print_table(
        ("table", "there", "copied", "here before", "listed", "checked", "checksum there", "checksum here", "sound"),
        (
            (
                name,
                table.source,
                table.copied,
                table.here,
                table.listed.total(),
                table.checked,
                checksum(table.checksum_there) if table.checked else "",
                checksum(table.checksum_here) if table.checked else "",
                "yes" if table.adds_up and table.agrees else "NO",
            )
            for name, table in report.tables.items()
        ),
    )
    states = sorted({status for counts in report.stages.values() for status in counts})
    print_table(
        ("stage", *map(str.lower, states)),
        ([stage, *(counts[status] for status in states)] for stage, counts in report.stages.items()),
        title="the sessions copied are",
    )
    listed = report.as_dict()["listed"]
    if listed:
        print_table(
            ("table", "rows", "not copied because", "for example"),
            ((group["table"], group["rows"], group["reason"], ", ".join(group["ids"][:SHOWN_IDS])) for group in listed),
            title="listed",
        )
    for note in report.notes:
        say(note)
    if report.connections_file is not None:
        say(
            f"The companies' passwords are in {report.connections_file} and nowhere else; take them over and delete it:"
        )
        say(f"  airflow connections import {report.connections_file} && rm {report.connections_file}")

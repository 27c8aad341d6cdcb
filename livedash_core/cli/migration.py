"""`livedash migrate`: migrate a livedash-node database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from livedash_core.cli.context import database
from livedash_core.cli.options import Json
from livedash_core.cli.output import complain, errors, print_json, print_table, say
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
            help="URL of livedash-node's database, as in its DATABASE_URL; it is only read.",
        ),
    ],
    source_schema: Annotated[
        str | None, typer.Option(help="Schema of its tables.", show_default="the URL's, else public")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Roll every transaction back.")] = False,
    as_json: Json = False,
) -> None:
    """Migrate a livedash-node database: companies, sessions, messages, questions, costs and the status of each stage.

    It can be interrupted and repeated: only rows that do not exist yet are copied.
    """
    settings = Settings()
    with open_source_database(source, source_schema) as node, database(settings) as engine, _progress(as_json) as show:
        report = migrate_livedash_node(node, engine, settings.home / "migration", dry_run=dry_run, on_progress=show)
    if as_json:
        print_json(report.as_dict())
    else:
        _print(report)
    if not report.is_sound:
        complain("livedash: rows are missing or differ; please report it")
        raise typer.Exit(1)


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
        ("table", "source", "copied", "existing", "listed", "checked", "source checksum", "target checksum", "sound"),
        (
            (
                name,
                table.source,
                table.copied,
                table.existing,
                table.listed.total(),
                table.checked,
                checksum(table.source_checksum) if table.checked else "",
                checksum(table.target_checksum) if table.checked else "",
                "yes" if table.adds_up and table.agrees else "NO",
            )
            for name, table in report.tables.items()
        ),
    )
    states = sorted({status for counts in report.stages.values() for status in counts})
    print_table(
        ("stage", *map(str.lower, states)),
        ([stage, *(counts[status] for status in states)] for stage, counts in report.stages.items()),
        title="statuses of the copied sessions",
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
        say(f"The companies' passwords are in {report.connections_file} and nowhere else. Import and delete the file:")
        say(f"  airflow connections import {report.connections_file} && rm {report.connections_file}")

"""`livedash preview`: what an import of a CSV would take."""

from __future__ import annotations

from functools import partial
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from sqlalchemy import select

from livedash_core.cli.context import credentials, database
from livedash_core.cli.output import complain, print_json, print_table, say
from livedash_core.clients.source import Source
from livedash_core.errors import UsageError
from livedash_core.models import Company
from livedash_core.operations.companies import company_id
from livedash_core.settings import Settings
from livedash_core.stages.csv_import.preview import HowToRead, unnamed_source
from livedash_core.stages.csv_import.preview import preview as read_preview
from livedash_core.stages.sources import Sources


def preview(
    csv: Annotated[str, typer.Argument(metavar="CSV", help="The address of a CSV, or a file.")],
    company: Annotated[
        str | None, typer.Option("--company", help="Read it with this company's settings and login.")
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", metavar="NAME", help="Time zone of the CSV's times.")] = "UTC",
    allow_network: Annotated[
        list[str] | None, typer.Option("--allow-network", metavar="NETWORK", help="A private network; repeatable.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option("--allow-origin", metavar="ORIGIN", help="An origin of transcripts; repeatable.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show how a CSV is read, which rows would be imported, and three transcripts. Nothing is stored."""
    settings = Settings()
    if company is not None:
        source, told = _of_company(settings, company)
    else:
        try:
            networks = tuple(map(ip_network, allow_network or ()))
            told = HowToRead(ZoneInfo(timezone))
        except (ValueError, ZoneInfoNotFoundError) as error:
            raise UsageError(f"not a network like 10.0.0.0/8, or not a time zone: {error}") from error
        source = unnamed_source(csv, networks, tuple(allow_origin or ()))
    if "://" not in csv and not Path(csv).is_file():
        raise UsageError(f"{csv!r} is neither a file nor an address")
    found = read_preview(csv, source, told, settings)
    if as_json:
        print_json(found)
    else:
        _print(found)
    if found["refused"]:
        raise typer.Exit(1)


def _of_company(settings: Settings, name: str) -> tuple[Source, HowToRead]:
    with database(settings) as engine, engine.connect() as connection:
        found = company_id(connection, name)
        row = connection.execute(select(*Sources.COLUMNS, Company.speaker_roles).where(Company.id == found)).one()
    told = HowToRead(ZoneInfo(row.timezone), row.speaker_roles, row.date_order)
    return Sources(partial(credentials, settings)).of(row), told


def _print(found: dict[str, Any]) -> None:
    names = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar", ".": "point"}
    times = found["times"]
    print_table(
        ("", "detected"),
        (
            ("delimiter", names.get(found["delimiter"], found["delimiter"])),
            ("encoding", found["encoding"]),
            ("header", ", ".join(found["header"]) if found["header"] else "none"),
            ("columns", found["columns"]),
            ("decimal mark", names[found["decimal_mark"]]),
            ("times", f"{times['written_as']} in {times['timezone']}, from {times['first']} to {times['last']}"),
            ("dates like 03/04/2026", found["date_order"] or "none, or not read"),
            ("rows", f"{found['rows']:,} of {found['sessions']:,} sessions"),
            ("rejected lines", f"{found['rejected']:,}"),
        ),
    )
    for note in found["notes"]:
        say(note)
    if found["rejections"]:
        cells = ((one["line"], one["reason"], one["text"]) for one in found["rejections"])
        print_table(("line", "reason", "text"), cells, title=f"{found['rejected']} rejected")
    if found["problems"]:
        cells = ((one["line"], one["session"], one["problem"]) for one in found["problems"])
        print_table(("line", "session", "problem"), cells, title=f"{sum(found['problem_counts'].values())} problems")
    for sample in found["samples"][:1]:
        print_table(("column", "first row"), sample.items())
    for transcript in found["transcripts"]:
        if "problem" in transcript:
            say(f"transcript of {transcript['session']}: {transcript['problem']}")
            continue
        say(f"transcript of {transcript['session']}: {transcript['messages']} messages, {transcript['notes'] or ''}")
        for message in transcript["beginning"]:
            say(f"    {message}")
    if found["refused"]:
        complain(found["refused"])

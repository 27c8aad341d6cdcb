"""`livedash access-log`."""

from __future__ import annotations

import csv
import sys
from datetime import date
from typing import Annotated

import typer

from livedash_core.cli.context import database
from livedash_core.cli.options import Company, Json
from livedash_core.cli.output import print_json, print_table, say, shown
from livedash_core.errors import UsageError
from livedash_core.operations.access_log import LoggedAccess, list_accesses
from livedash_core.operations.companies import company_id
from livedash_core.parsing.days import parse_day
from livedash_core.parsing.spreadsheet import escape_formula
from livedash_core.settings import Settings

#: Entries in the table; JSON and CSV have all.
SHOWN = 100


def access_log(
    company: Company = None,
    user: Annotated[str | None, typer.Option(help="Only what this user read, by the name of the login.")] = None,
    first_day: Annotated[
        date | None, typer.Option("--from", parser=parse_day, metavar="DATE", help="On this day (UTC) or later.")
    ] = None,
    last_day: Annotated[
        date | None, typer.Option("--to", parser=parse_day, metavar="DATE", help="On this day (UTC) or earlier.")
    ] = None,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print a CSV that is safe to open in a spreadsheet.")] = False,
    as_json: Json = False,
) -> None:
    """List who read a conversation on the pages or exported a list, newest first; all of it as CSV or JSON."""
    if as_csv and as_json:
        raise UsageError("--csv and --json exclude each other")
    with database(Settings()) as engine, engine.connect() as connection:
        found = list_accesses(
            connection,
            company_id=company_id(connection, company) if company else None,
            user=user,
            first_day=first_day,
            last_day=last_day,
            limit=None if as_csv or as_json else SHOWN + 1,
        )
    if as_json:
        print_json([entry._asdict() for entry in found])
    elif as_csv:
        writer = csv.writer(sys.stdout)
        writer.writerow(LoggedAccess._fields)
        writer.writerows([escape_formula(cell) for cell in _cells(entry)] for entry in found)
    elif not found:
        say("The access log has no entries in this selection.")
    else:
        title = f"the newest {SHOWN}; --csv has all" if len(found) > SHOWN else None
        print_table(LoggedAccess._fields, (_cells(entry) for entry in found[:SHOWN]), title=title)


def _cells(entry: LoggedAccess) -> list[object]:
    companies = "all" if entry.companies is None else ", ".join(entry.companies)
    return [shown(entry.at), entry.user, entry.action, companies, entry.session, entry.rows]

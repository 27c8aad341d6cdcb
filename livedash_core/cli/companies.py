"""`livedash company …`."""

from __future__ import annotations

from typing import Annotated

import typer

from livedash_core.analyzers import load_analyzers
from livedash_core.cli.context import database
from livedash_core.cli.output import print_json, print_table, say
from livedash_core.enums import Mode
from livedash_core.operations.companies import list_companies, save_company, set_status
from livedash_core.settings import Settings

app = typer.Typer(help="Companies: whose chats, from where.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]


@app.command()
def add(
    name: Name,
    csv_url: Annotated[str | None, typer.Option(help="Where the company publishes its sessions.")] = None,
    http_conn_id: Annotated[
        str | None,
        typer.Option(help="The Airflow connection with its login and password; '' for none."),
    ] = None,
    tz: Annotated[
        str | None, typer.Option("--timezone", help="The zone its times are written in, e.g. Europe/Amsterdam.")
    ] = None,
    allow_network: Annotated[
        list[str] | None, typer.Option(help="A private network its source may live in, e.g. 127.0.0.0/8.")
    ] = None,
    allow_origin: Annotated[
        list[str] | None, typer.Option(help="Another origin its transcripts may come from; it sees no credentials.")
    ] = None,
    analyzer: Annotated[
        str | None,
        typer.Option(metavar="NAME", help=f"The analyzer of its sessions: {', '.join(load_analyzers().choices)}."),
    ] = None,
    model: Annotated[str | None, typer.Option(help="The model to ask; '' for the installation's.")] = None,
    mode: Annotated[
        Mode | None, typer.Option(help="How a model is asked: at once, or in batches for half the price within a day.")
    ] = None,
    retention_days: Annotated[
        int | None, typer.Option(min=0, help="Erase sessions so many days after their start, daily; 0: never.")
    ] = None,
    mask_personal_data: Annotated[
        bool | None,
        typer.Option(
            "--mask-personal-data/--send-personal-data",
            help="Take e-mail addresses, telephone numbers, IBANs and BSNs out before a model is asked.",
        ),
    ] = None,
    monthly_budget: Annotated[
        str | None,
        typer.Option(metavar="USD", help="What its model calls may cost in a calendar month (UTC); '' for no limit."),
    ] = None,
) -> None:
    """Add a company, or change what the options say of one that exists.

    --allow-network and --allow-origin may be repeated, and add to what is allowed already; '' takes all of it away.
    """
    given = {
        "csv_url": csv_url,
        "http_conn_id": http_conn_id,
        "timezone": tz,
        "allowed_networks": allow_network or None,
        "allowed_origins": allow_origin or None,
        "analyzer": analyzer,
        "model": model,
        "mode": mode,
        "retention_days": retention_days,
        "monthly_budget_usd": monthly_budget,
        "mask_personal_data": mask_personal_data,
    }
    changes = {column: value for column, value in given.items() if value is not None}
    with database(Settings()) as engine, engine.begin() as connection:
        is_new = save_company(connection, name, changes)
    say(f"{name}: {'added' if is_new else 'changed'}.")


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the companies."""
    with database(Settings()) as engine, engine.connect() as connection:
        found = list_companies(connection)
    if as_json:
        print_json(found)
    elif not found:
        say("There are no companies yet; this adds one: livedash company add NAME --csv-url URL")
    else:
        shown = (
            "name",
            "status",
            "csv_url",
            "http_conn_id",
            "timezone",
            "analyzer",
            "model",
            "mode",
            "monthly_budget_usd",
        )
        print_table(shown, ([company[column] for column in shown] for company in found))


@app.command("set-status")
def set_status_(name: Name, status: Annotated[str, typer.Argument(metavar="STATUS")]) -> None:
    """ACTIVE, SUSPENDED, TRIAL or ARCHIVED; only ACTIVE companies are processed."""
    with database(Settings()) as engine, engine.begin() as connection:
        set_status(connection, name, status.upper())
    say(f"{name} is {status.upper()}.")

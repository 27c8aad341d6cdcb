"""`livedash company …`."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from typing import Annotated, Any

import typer

from livedash_core.analyzers import load_analyzers
from livedash_core.cli.context import database
from livedash_core.cli.output import print_json, print_table, say, shown
from livedash_core.enums import Mode
from livedash_core.errors import UsageError
from livedash_core.operations.companies import (
    add_company,
    company_id,
    confirm_csv,
    list_companies,
    set_status,
    update_company,
)
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings
from livedash_core.stages.stage import StageContext

app = typer.Typer(help="The companies whose chats are processed.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(metavar="NAME")]


CsvUrl = Annotated[str | None, typer.Option(help="URL of the CSV that the company publishes.")]
HttpConnId = Annotated[
    str | None, typer.Option(metavar="ID", help="Airflow connection with the login and password of the CSV's server.")
]
Timezone = Annotated[
    str | None, typer.Option("--timezone", metavar="TZ", help="Time zone of the CSV's times, such as Europe/Amsterdam.")
]
AllowNetwork = Annotated[
    list[str] | None,
    typer.Option(metavar="CIDR", help="Private network the CSV's server may be in, such as 127.0.0.0/8; repeatable."),
]
AllowOrigin = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ORIGIN", help="Another origin to fetch transcripts from, without the credentials; repeatable."
    ),
]
SpeakerRole = Annotated[
    list[str] | None,
    typer.Option(
        "--role",
        metavar="NAME=ROLE",
        help="Role of a speaker in the transcripts: User, Assistant or System, such as Lisa=Assistant; repeatable.",
    ),
]
DateOrder = Annotated[
    str | None,
    typer.Option(
        metavar="ORDER",
        help="Of dates like 03/04/2026, where no other date of a file or transcript decides: day-first, month-first.",
    ),
]
Analyzer = Annotated[
    str | None,
    typer.Option(metavar="NAME", help=f"Analyzer of its sessions: {', '.join(load_analyzers().choices)}."),
]
Model = Annotated[str | None, typer.Option(help="Model that analyses its sessions.")]
CallMode = Annotated[
    Mode | None,
    typer.Option("--mode", help="realtime: one model call per session; batch: half the price, within a day."),
]
RetentionDays = Annotated[
    int | None, typer.Option(min=1, metavar="DAYS", help="Erase sessions daily this many days after their start.")
]
MaskPersonalData = Annotated[
    bool | None,
    typer.Option(
        "--mask-personal-data/--send-personal-data",
        help="Mask e-mail addresses, telephone numbers, IBANs and national ids before a model is called.",
    ),
]
MonthlyBudget = Annotated[
    str | None, typer.Option(metavar="USD", help="Limit on the cost of its model calls in a calendar month (UTC).")
]


@app.command()
def add(
    name: Name,
    csv_url: CsvUrl = None,
    http_conn_id: HttpConnId = None,
    tz: Timezone = None,
    allow_network: AllowNetwork = None,
    allow_origin: AllowOrigin = None,
    role: SpeakerRole = None,
    date_order: DateOrder = None,
    analyzer: Analyzer = None,
    model: Model = None,
    mode: CallMode = None,
    retention_days: RetentionDays = None,
    mask_personal_data: MaskPersonalData = None,
    monthly_budget: MonthlyBudget = None,
) -> None:
    """Add a company. `livedash company update` changes one that exists."""
    settings = _columns(
        csv_url=csv_url,
        http_conn_id=http_conn_id,
        timezone=tz,
        allowed_networks=allow_network,
        allowed_origins=allow_origin,
        speaker_roles=role,
        date_order=date_order,
        analyzer=analyzer,
        model=model,
        mode=mode,
        retention_days=retention_days,
        mask_personal_data=mask_personal_data,
        monthly_budget_usd=monthly_budget,
    )
    with database(Settings()) as engine, engine.begin() as connection:
        add_company(connection, name, settings)
    say(f"{name}: added.")


@app.command()
def update(
    name: Name,
    csv_url: CsvUrl = None,
    http_conn_id: HttpConnId = None,
    clear_http_conn_id: Annotated[bool, typer.Option("--clear-http-conn-id", help="Fetch without a login.")] = False,
    tz: Timezone = None,
    allow_network: AllowNetwork = None,
    clear_allowed_networks: Annotated[
        bool, typer.Option("--clear-allowed-networks", help="Empty the list, before --allow-network adds to it.")
    ] = False,
    allow_origin: AllowOrigin = None,
    clear_allowed_origins: Annotated[
        bool, typer.Option("--clear-allowed-origins", help="Empty the list, before --allow-origin adds to it.")
    ] = False,
    role: SpeakerRole = None,
    date_order: DateOrder = None,
    clear_roles: Annotated[
        bool, typer.Option("--clear-roles", help="Forget the speakers' roles, before --role adds to them.")
    ] = False,
    clear_date_order: Annotated[
        bool, typer.Option("--clear-date-order", help="Leave dates like 03/04/2026 unread where nothing decides.")
    ] = False,
    analyzer: Analyzer = None,
    model: Model = None,
    clear_model: Annotated[bool, typer.Option("--clear-model", help="Use the installation's model.")] = False,
    mode: CallMode = None,
    retention_days: RetentionDays = None,
    clear_retention_days: Annotated[
        bool, typer.Option("--clear-retention-days", help="Keep sessions until they are erased by hand.")
    ] = False,
    mask_personal_data: MaskPersonalData = None,
    monthly_budget: MonthlyBudget = None,
    clear_monthly_budget: Annotated[
        bool, typer.Option("--clear-monthly-budget", help="Remove the limit on cost.")
    ] = False,
    confirm: Annotated[
        bool, typer.Option("--confirm-csv", help="Its CSV is right although it has lost most of its rows.")
    ] = False,
) -> None:
    """Change the given settings of a company; the others stay. The next import reads its CSV in full.

    --allow-network, --allow-origin and --role add to what is there already.
    """
    changes = _columns(
        csv_url=csv_url,
        http_conn_id=http_conn_id,
        timezone=tz,
        allowed_networks=allow_network,
        allowed_origins=allow_origin,
        speaker_roles=role,
        date_order=date_order,
        analyzer=analyzer,
        model=model,
        mode=mode,
        retention_days=retention_days,
        mask_personal_data=mask_personal_data,
        monthly_budget_usd=monthly_budget,
    )
    cleared = {
        "http_conn_id": clear_http_conn_id,
        "allowed_networks": clear_allowed_networks,
        "allowed_origins": clear_allowed_origins,
        "speaker_roles": clear_roles,
        "date_order": clear_date_order,
        "model": clear_model,
        "retention_days": clear_retention_days,
        "monthly_budget_usd": clear_monthly_budget,
    }
    clear = [column for column, given in cleared.items() if given]
    for column in changes.keys() & set(clear) - {"allowed_networks", "allowed_origins", "speaker_roles"}:
        option = column.removesuffix("_usd").replace("_", "-")
        raise UsageError(f"--{option} and --clear-{option} exclude each other")
    if not changes and not clear:
        raise UsageError("nothing to change: give at least one option; `livedash company update --help` lists them")
    with database(Settings()) as engine, engine.begin() as connection:
        update_company(connection, name, changes, clear=clear)
        if confirm:
            confirm_csv(connection, name)
    say(f"{name}: updated.")
    if tz is not None:
        say(f"Stored sessions keep their times; to read them again: livedash company redate {shlex.quote(name)}")


@app.command()
def redate(
    name: Name,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the sessions.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Read the times of all sessions again in the company's time zone, after it was corrected.

    Messages and the numbers per day follow; analyses stay, and no stage runs again.
    """
    # Imported here, because compiling the parsers' patterns takes longer than the other commands about companies.
    from livedash_core.stages.redating import redate as redate_sessions

    with database(Settings()) as engine:
        with engine.connect() as connection:
            wanted = company_id(connection, name)
        found = redate_sessions(StageContext(engine, Settings()), load_pipeline(), wanted, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, **asdict(found)})
        return
    would = "would be" if dry_run else "were"
    say(
        f"{name}: {found.changed:,} sessions {would} dated again in {found.timezone}, {found.unchanged:,} have "
        f"right times, {found.unreadable:,} have times that do not exist there and keep theirs."
    )
    for external_id, before, after in found.examples:
        say(f"{external_id}: {shown(before)} becomes {shown(after)}")


def _columns(**options: Any) -> dict[str, Any]:
    """The options that were given, by column of ``company``."""
    return {column: value for column, value in options.items() if value is not None and value != []}


@app.command("list")
def list_(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the companies."""
    with database(Settings()) as engine, engine.connect() as connection:
        found = list_companies(connection)
    if as_json:
        print_json(found)
    elif not found:
        say("There are no companies yet. Add one with: livedash company add NAME --csv-url URL")
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

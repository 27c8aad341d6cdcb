"""`livedash` and what it says when something goes wrong."""

from __future__ import annotations

import logging
import sys
import warnings

import typer

from livedash_core.cli import companies, inspection, processing
from livedash_core.cli.output import breakdown_table, console, errors
from livedash_core.db import make_engine, upgrade_schema
from livedash_core.errors import LiveDashError, UsageError
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.local.environment import LocalInstallation
from livedash_core.settings import Settings

app = typer.Typer(
    name="livedash",
    help="From a chatbot's CSV to judged sessions and the questions people asked.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
database_app = typer.Typer(help="The schema.", no_args_is_help=True)
app.add_typer(database_app, name="db")
app.add_typer(companies.app, name="company")
for command in (*processing.COMMANDS, *inspection.COMMANDS):
    app.command()(command)


@app.command()
def up() -> None:
    """Run the whole product on this machine: PostgreSQL, sample source, Airflow. Ctrl-C stops it all."""
    from livedash_core.local.up import run

    raise typer.Exit(run(Settings(), breakdown_table))


@database_app.command()
def upgrade() -> None:
    """Create or upgrade the schema."""
    settings = Settings()
    if settings.database_url is not None:
        upgrade_schema(make_engine(settings.database_url.get_secret_value()))
    else:
        installation = LocalInstallation(settings.home)
        with EmbeddedPostgres(installation.postgres) as server:
            upgrade_schema(make_engine(server.database(installation.database).url()))
    console.print("The schema is up to date.")


def main() -> None:
    """Run the command line: 0 done, 1 something failed, 2 wrong usage; an error of ours is one sentence."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    warnings.simplefilter("ignore")
    try:
        app()
    except LiveDashError as error:
        errors.print(f"livedash: {error}", style="red", markup=False)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except KeyboardInterrupt:
        sys.exit(130)

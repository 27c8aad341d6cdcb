"""The `livedash` command and its handling of errors."""

from __future__ import annotations

import signal
import sys
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
from pydantic import ValidationError
from sqlalchemy.exc import DBAPIError

from livedash_core.cli import (
    access,
    alerts,
    capacity,
    companies,
    costs,
    erasure,
    insights,
    inspection,
    migration,
    preview,
    processing,
    start,
    topics,
)
from livedash_core.cli.output import breakdown_table, complain, fit_columns, limit_logging, print_json, say
from livedash_core.db import first_line, make_engine
from livedash_core.errors import LiveDashError, UsageError
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.local.environment import LocalInstallation
from livedash_core.operations.upgrade import upgrade as upgrade_database
from livedash_core.settings import Settings

app = typer.Typer(
    name="livedash",
    help="Processes chatbot sessions from a CSV to analysed sessions and their questions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(given: bool) -> None:
    if given:
        say(f"livedash {version('livedash-pipeline')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Process chatbot sessions, from a CSV to analysed sessions and their questions."""


database_app = typer.Typer(help="The database schema.", no_args_is_help=True)
app.add_typer(database_app, name="db")
app.add_typer(companies.app, name="company")
app.add_typer(costs.app, name="price")
app.add_typer(topics.app, name="topics")
app.add_typer(alerts.app, name="alerts")
modules = (processing, insights, inspection, preview, costs, capacity, migration, erasure, access)
for command in (command for module in modules for command in module.COMMANDS):
    app.command()(command)
# Options after the program are the program's.
app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})(start.start)


@app.command()
def up() -> None:
    """Run the whole product on this machine: PostgreSQL, sample source, Airflow. Ctrl-C stops everything."""
    from livedash_core.local.up import run

    raise typer.Exit(run(Settings(), breakdown_table))


@database_app.command()
def upgrade() -> None:
    """Create or upgrade the schema, and update the price catalogue to this version's."""
    settings = Settings()
    if settings.database_url is not None:
        upgrade_database(make_engine(settings.database_url.get_secret_value()))
    else:
        installation = LocalInstallation(settings.home)
        with EmbeddedPostgres(installation.postgres) as server:
            upgrade_database(make_engine(server.database(installation.database).url()))
    say("The schema is up to date.")


def main() -> None:
    """Run the command line. Exit code 0: done, 1: something failed, 2: wrong usage, 128 + N: ended by signal N.

    An expected error prints one sentence.
    """
    limit_logging()
    # By default SIGTERM skips context managers, and the embedded server would go on running.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    fit_columns()
    try:
        _check_arguments(sys.argv)
        app()
    except LiveDashError as error:
        _fail(str(error), exit_code=2 if isinstance(error, UsageError) else 1)
    except ValidationError as error:
        _fail(
            *(
                f"the setting {_variable(problem['loc'])} is invalid: {problem['msg']}"
                for problem in error.errors(include_input=False)
            )
        )
    except DBAPIError as error:
        _fail(f"the database failed: {first_line(error)}")


def _fail(*sentences: str, exit_code: int = 1) -> NoReturn:
    """End the program; with ``--json`` the sentences are also the JSON document on standard output."""
    for sentence in sentences:
        complain(f"livedash: {sentence}")
    if "--json" in sys.argv:
        print_json({"error": " ".join(sentences)})
    sys.exit(exit_code)


def _exit_on_signal(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _check_arguments(arguments: list[str]) -> None:
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        raise UsageError("an argument is not text in UTF-8") from None


def _variable(location: tuple[int | str, ...]) -> str:
    """Return the environment variable of a field of ``Settings``."""
    name = str(location[0]).upper()
    return name if name.startswith("OPENAI_") else f"LIVEDASH_{name}"

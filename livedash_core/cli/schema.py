"""`livedash db …`: the database schema."""

from __future__ import annotations

import typer

from livedash_core.cli.output import say
from livedash_core.db import make_engine
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.local.environment import LocalInstallation
from livedash_core.operations.upgrade import upgrade as upgrade_database
from livedash_core.settings import Settings

app = typer.Typer(help="The database schema.", no_args_is_help=True)


@app.command()
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

"""`livedash up`."""

from __future__ import annotations

import typer

from livedash_core.cli.output import breakdown_table
from livedash_core.local.up import run
from livedash_core.settings import Settings


def up() -> None:
    """Run the whole product on this machine: PostgreSQL, sample source, Airflow. Ctrl-C stops everything."""
    raise typer.Exit(run(Settings(), breakdown_table))

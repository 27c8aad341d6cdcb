"""Upgrades a database to this version: its schema and the price catalogue."""

from __future__ import annotations

from sqlalchemy import Engine

from livedash_core.costs import import_price_catalogue
from livedash_core.db import upgrade_schema


def upgrade(engine: Engine) -> None:
    """Upgrade the schema and import the price catalogue; fast if both are current, so call it at every start."""
    upgrade_schema(engine)
    with engine.begin() as connection:
        import_price_catalogue(connection)

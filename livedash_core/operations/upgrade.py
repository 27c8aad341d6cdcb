"""What a new version brings to a database: its schema, and the prices that its packages know."""

from __future__ import annotations

from sqlalchemy import Engine

from livedash_core.costs.prices import import_price_catalogue
from livedash_core.db import upgrade_schema


def upgrade(engine: Engine) -> None:
    """Bring the database up to date; quick when it is, and safe to call at every start."""
    upgrade_schema(engine)
    with engine.begin() as connection:
        import_price_catalogue(connection)

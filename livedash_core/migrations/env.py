"""Alembic's environment: migrates on the connection that ``livedash_core.db`` passes."""

from __future__ import annotations

from alembic import context
from sqlalchemy import text

from livedash_core.models import SCHEMA, Base

connection = context.config.attributes["connection"]
connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}"))
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    version_table_schema=SCHEMA,
    include_schemas=True,
    include_name=lambda name, type_, _parents: type_ != "schema" or name == SCHEMA,
)
with context.begin_transaction():
    # Concurrent upgrades (init containers) must not interfere.
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtext('livedash schema'))"))
    context.run_migrations()

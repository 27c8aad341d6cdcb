"""The models and the migrations describe one schema, and it can be taken back and made again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, text

from livedash_core import db
from livedash_core.errors import SchemaOutdated
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.models import SCHEMA, Base
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records

#: What Alembic's comparison leaves out: CHECKs, partial index conditions, storage parameters, identities.
CATALOGUE = {
    "columns": """
        SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity, numeric_precision
        FROM information_schema.columns WHERE table_schema = 'livedash'
    """,
    "constraints": """
        SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
        FROM pg_constraint WHERE connamespace = 'livedash'::regnamespace AND contype <> 'n'
    """,
    "indexes": "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'livedash'",
    "storage": """
        SELECT relname, unnest(coalesce(reloptions, '{}')) FROM pg_class WHERE relnamespace = 'livedash'::regnamespace
    """,
}


def catalogue(engine: Engine) -> dict[str, set[tuple[Any, ...]]]:
    with engine.connect() as connection:
        found = {name: {tuple(row) for row in connection.execute(text(query))} for name, query in CATALOGUE.items()}
    return {name: {row for row in rows if "alembic_version" not in str(row)} for name, rows in found.items()}


def test_alembic_finds_nothing_to_migrate(engine: Engine) -> None:
    options = {
        "compare_type": True,
        "compare_server_default": True,
        "include_schemas": True,
        "version_table_schema": SCHEMA,
        "include_name": lambda name, kind, _parents: kind != "schema" or name == SCHEMA,
    }
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_the_models_alone_make_the_same_schema(engine: Engine, postgres: EmbeddedPostgres) -> None:
    other = db.make_engine(postgres.database("from_the_models").url())
    with other.begin() as connection:
        connection.execute(text(f"CREATE SCHEMA {SCHEMA}"))
        Base.metadata.create_all(connection)
    made, migrated = catalogue(other), catalogue(engine)
    other.dispose()

    assert made == migrated


def test_the_revisions_are_those_of_alembic_in_its_order(engine: Engine) -> None:
    with engine.connect() as connection:
        script = ScriptDirectory.from_config(db._alembic(connection))

    assert db.revisions() == tuple(one.revision for one in script.walk_revisions())


def test_the_revisions_of_several_scripts_are_read_newest_first(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(db, "_MIGRATIONS", tmp_path)
    (tmp_path / "versions").mkdir()
    for name in ("0001_initial_schema.py", "0010_tenth.py", "0002_second.py", "__init__.py", "0003_notes.txt"):
        (tmp_path / "versions" / name).touch()

    assert db.revisions.__wrapped__() == ("0010", "0002", "0001")


def test_every_migration_can_be_taken_back_and_made_again_with_data(
    engine: Engine, records: Records, company_id: UUID
) -> None:
    (session,) = records.sessions(company_id, 1)
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        manager.fail_stage(session, "TRANSCRIPT_FETCH", manager.start_stage(session, "TRANSCRIPT_FETCH"), "no")
        script = ScriptDirectory.from_config(db._alembic(connection))
    before = catalogue(engine)

    for revision in script.walk_revisions():
        db.downgrade_schema(engine, revision.down_revision or "base")
    with pytest.raises(SchemaOutdated, match="livedash db upgrade"):
        db.check_schema(engine)
    for revision in reversed(list(script.walk_revisions())):
        db.upgrade_schema(engine, revision.revision)

    db.check_schema(engine)
    assert catalogue(engine) == before
    assert records.sessions(records.company("Again"), 1)

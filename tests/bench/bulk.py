"""Fills empty tables fast: rows are copied frozen into tables without indexes, which are built afterwards."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from tests.bench.database import Database

#: Foreign keys and checks first: no other constraint depends on them.
_CONSTRAINTS = """
SELECT conrelid::regclass::text, conname, contype::text IN ('f', 'c'), pg_get_constraintdef(oid) FROM pg_constraint
WHERE contype IN ('f', 'c', 'p', 'u')
  AND (conrelid = ANY (%(tables)s::regclass[]) OR confrelid = ANY (%(tables)s::regclass[]))
ORDER BY contype NOT IN ('f', 'c')
"""
#: Those that belong to no constraint.
_INDEXES = """
SELECT indrelid::regclass::text, indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
WHERE indrelid = ANY (%(tables)s::regclass[]) AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""


def fill_tables(database: Database, directory: Path, rows: Mapping[str, str]) -> None:
    """Fill tables, each named as ``schema.table (columns)``, with the rows of a query; two tables at a time.

    A frozen row needs no vacuum. Foreign keys and checks are not validated for these rows, but hold for later ones.
    ``directory`` holds named pipes from one server process to another, so that no row passes through Python.
    """
    tables = [target.partition(" ")[0] for target in rows]
    built: dict[str, list[str]] = {table: [] for table in tables}
    later = []
    with database.bare() as connection:
        constraints = connection.execute(_CONSTRAINTS, {"tables": tables}).fetchall()
        indexes = connection.execute(_INDEXES, {"tables": tables}).fetchall()
        for table, name, needs_no_index, definition in constraints:
            _execute(connection, f"ALTER TABLE {table} DROP CONSTRAINT {name}")
            adding = f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}"
            if needs_no_index:
                later.append(f"{adding} NOT VALID")
            else:
                built[table].append(adding)
        for table, name, definition in indexes:
            _execute(connection, f"DROP INDEX {name}")
            built[table].append(definition)
    with ThreadPoolExecutor(2) as threads:
        parts = [
            threads.submit(_fill, database, directory / table, target, query, built[table])
            for table, (target, query) in zip(tables, rows.items(), strict=True)
        ]
        for part in parts:
            part.result()
    with database.bare() as connection:
        _execute(connection, *later)


def _fill(database: Database, pipe: Path, target: str, query: str, built: list[str]) -> None:
    table = target.partition(" ")[0]
    with database.bare() as source, database.bare(autocommit=False) as connection:
        # In the transaction of the copy, which can freeze only rows that no other transaction can see.
        _execute(connection, f"TRUNCATE {table}", "SET LOCAL maintenance_work_mem = '1GB'")
        # Errors in the names come here: a copy that fails early would leave the other waiting for the pipe.
        _execute(source, f"EXPLAIN {query}")
        _execute(connection, f"COPY {target} TO '/dev/null'")
        os.mkfifo(pipe)
        pipe.chmod(0o666)  # the server may run as another user
        with ThreadPoolExecutor(1) as threads:
            sent = threads.submit(_execute, source, f"COPY ({query}) TO '{pipe}' (FORMAT binary)")
            _execute(connection, f"COPY {target} FROM '{pipe}' (FORMAT binary, FREEZE)")
            sent.result()
        pipe.unlink()
        _execute(connection, *built)
        connection.commit()
        _execute(source, f"VACUUM ANALYZE {table}")


def _execute(connection: psycopg.Connection[Any], *statements: str) -> None:
    for statement in statements:
        connection.execute(statement.encode())

"""Write many rows in one statement: COPY for new rows, INSERT … SELECT unnest for rows that may exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from livedash_core.models import Base

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy annotates no dialect's constructor


@contextmanager
def copying(
    connection: Connection, table: str, columns: Sequence[str], types: Sequence[str] | None = None
) -> Iterator[psycopg.Copy]:
    """COPY into a table within ``connection``'s transaction, in constant memory.

    With ``types``, PostgreSQL's names for the types of the columns, rows are sent in the binary format, which takes a
    third of the text format's time in Python. Raises SQLAlchemy's ``DBAPIError`` like any other statement.
    """
    driver = connection.connection.driver_connection
    assert driver is not None
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN{' (FORMAT BINARY)' if types else ''}"
    try:
        # The cursor stays open: a closed one loses its row count.
        with driver.cursor().copy(statement) as copy:
            if types:
                copy.set_types(types)
            yield copy
    except psycopg.Error as error:
        # Callers handle one class of database errors, whichever way the rows are written.
        raise cast(DBAPIError, DBAPIError.instance(statement, None, error, psycopg.Error)) from error


def copy_into(
    connection: Connection,
    table: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    types: Sequence[str] | None = None,
) -> None:
    """COPY ``rows`` into a table. Raises the same errors as ``copying``, and those of ``rows``."""
    with copying(connection, table, columns, types) as copy:
        for row in rows:
            copy.write_row(row)


def copy_blocks_into(connection: Connection, table: str, columns: Sequence[str], blocks: Iterable[bytes]) -> int:
    """COPY ``blocks`` in COPY's text format unchanged; returns the number of rows. Raises the same errors."""
    with copying(connection, table, columns) as copy:
        for block in blocks:
            copy.write(block)
    return int(copy.cursor.rowcount)


def upsert(
    connection: Connection,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str] = (),
) -> None:
    """Insert ``rows``, which have the same columns; of rows whose ``key`` exists, update the ``update`` columns only.

    Rows are written in the order of ``key``, so that concurrent writers lock them in one order.
    """
    if not rows:
        return
    ordered = sorted(rows, key=lambda row: tuple(row[column] for column in key))
    columns = tuple(ordered[0])
    connection.execute(
        _upsert(model, columns, tuple(key), tuple(update)), {name: [row[name] for row in ordered] for name in columns}
    )


@cache
def _upsert(model: type[Base], columns: tuple[str, ...], key: tuple[str, ...], update: tuple[str, ...]) -> TextClause:
    table = model.__table__
    arrays = ", ".join(f"CAST(:{name} AS {table.c[name].type.compile(_DIALECT)}[])" for name in columns)
    assignments = ", ".join(f"{name} = excluded.{name}" for name in update)
    return text(
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) "  # noqa: S608 - names of ours only
        f"ON CONFLICT ({', '.join(key)}) DO {f'UPDATE SET {assignments}' if update else 'NOTHING'}"
    )

"""Many rows in one statement: COPY for new ones, INSERT … SELECT unnest for those that may be there already."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, cast

import psycopg
from sqlalchemy import Connection, TextClause, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from livedash_core.models import Base

#: What stands for something else in COPY's text format: https://www.postgresql.org/docs/current/sql-copy.html
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_TO_ESCAPE = re.compile(r"[\\\t\n\r]")
_BLOCK_CHARACTERS = 65_536

_DIALECT = postgresql.dialect()  # type: ignore[no-untyped-call] # SQLAlchemy annotates no dialect's constructor


def copy_into(connection: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """COPY rows into a table within ``connection``'s transaction: the quickest way in, constant in memory.

    Raises SQLAlchemy's ``DBAPIError`` like any other statement, and what ``rows`` raises.
    """

    def write(copy: psycopg.Copy) -> None:
        for row in rows:
            copy.write_row(row)

    _copy(connection, table, columns, write)


def copy_line(values: Sequence[str | None]) -> str:
    """A row as COPY's text format has it: for rows that are text anyway, a fraction of what ``copy_into`` takes."""
    if _TO_ESCAPE.search("".join(filter(None, values))):
        values = [value and value.translate(_ESCAPES) for value in values]
    return "\t".join(["\\N" if value is None else value for value in values]) + "\n"


def copy_blocks(lines: Iterable[str]) -> Iterator[str]:
    """What ``copy_line`` wrote, in blocks for ``copy_text_into`` that are just longer than 64 K characters."""
    block: list[str] = []
    size = 0
    for line in lines:
        block.append(line)
        size += len(line)
        if size > _BLOCK_CHARACTERS:
            yield "".join(block)
            block.clear()
            size = 0
    yield "".join(block)


def copy_text_into(
    connection: Connection, table: str, columns: Sequence[str], blocks: Iterable[bytes] | Iterable[str]
) -> int:
    """COPY text in COPY's own format: what another database gave, as it came, or what ``copy_blocks`` made.

    Returns the number of rows. Raises what ``copy_into`` raises.
    """

    def write(copy: psycopg.Copy) -> None:
        for block in blocks:
            copy.write(block)

    return _copy(connection, table, columns, write)


def _copy(connection: Connection, table: str, columns: Sequence[str], write: Callable[[psycopg.Copy], None]) -> int:
    driver = connection.connection.driver_connection
    assert driver is not None
    statement = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
    try:
        with driver.cursor() as cursor:
            with cursor.copy(statement) as copy:
                write(copy)
            return int(cursor.rowcount)
    except psycopg.Error as error:
        # The class that SQLAlchemy has for it: whoever handles it cannot tell how the rows went in.
        raise cast(DBAPIError, DBAPIError.instance(statement, None, error, psycopg.Error)) from error


def upsert(
    connection: Connection,
    model: type[Base],
    rows: Sequence[Mapping[str, Any]],
    *,
    key: Sequence[str],
    update: Sequence[str] = (),
) -> None:
    """Insert ``rows`` (all with the same columns); where ``key`` exists, take over ``update``, or leave it alone.

    Rows are written in the order of ``key``, so that two writers of the same rows lock them in one order.
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

"""livedash-node's database: read in one snapshot, never written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from livedash_core.db import first_line
from livedash_core.errors import ConfigurationError, SystemicError
from livedash_core.livedash_node_migration.source_schema import REQUIRED, relations, resolve

#: Parameters that Prisma adds to a URL; libpq refuses unknown ones.
_PRISMA_PARAMETERS = (
    "schema",
    "connection_limit",
    "pool_timeout",
    "pgbouncer",
    "socket_timeout",
    "statement_cache_size",
    "sslaccept",
    "sslidentity",
    "sslpassword",
)
#: COPY returns row by row; rows are passed on in blocks of this size.
_BLOCK_BYTES = 65_536
_COLUMNS = "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = %s"


@cache
def statement(name: str) -> str:
    """Return the text of ``sql/<name>.sql``."""
    return (files("livedash_core.livedash_node_migration") / "sql" / f"{name}.sql").read_text(encoding="utf-8")


class SourceDatabase:
    """A snapshot of the source; ``generation`` is ``before`` or ``after`` livedash-node's refactor."""

    def __init__(self, connection: psycopg.Connection[Any], schema: str) -> None:
        self.connection = connection
        found: dict[str, set[str]] = {}
        for table, column in connection.execute(_COLUMNS, [schema]):
            found.setdefault(table, set()).add(column)
        if missing := [table for table in REQUIRED if table not in found]:
            raise ConfigurationError(
                f"the schema {schema!r} of the source has no table {', '.join(missing)}; "
                "check --source and --source-schema"
            )
        self.generation = "after" if "SessionProcessingStatus" in found else "before"
        self.tables = relations(schema, found)

    def sql(self, name: str) -> str:
        """Return a statement with the tables of this database."""
        return resolve(statement(name), self.tables)

    def rows(self, name: str, **parameters: Any) -> list[Any]:
        """Return all rows of a statement as named tuples. Raises ``SystemicError`` if the source fails."""
        with _translating_errors(), self.connection.cursor(row_factory=namedtuple_row) as cursor:
            return cursor.execute(self.sql(name), parameters or None).fetchall()

    def count(self, table: str) -> int:
        """Return the number of rows of a table."""
        query = resolve(f'SELECT count(*) FROM source."{table}" AS counted', self.tables)  # noqa: S608 - a name of ours
        with _translating_errors():
            return int(self.connection.execute(query).fetchall()[0][0])

    def chunks(self, name: str, size: int) -> Iterator[list[Any]]:
        """Yield the rows of a statement in lists of ``size``, through a server-side cursor."""
        with _translating_errors(), self.connection.cursor(name, row_factory=namedtuple_row) as cursor:
            cursor.execute(self.sql(name))
            while rows := cursor.fetchmany(size):
                yield rows

    def copy(self, name: str, **parameters: Any) -> Iterator[bytes]:
        """Yield the rows of a statement in COPY's text format, in blocks."""
        rows: list[bytes] = []
        size = 0
        with _translating_errors(), self.connection.cursor() as cursor:
            with cursor.copy(f"COPY ({self.sql(name)}) TO STDOUT".encode(), parameters) as copy:
                for row in copy:
                    rows.append(bytes(row))
                    size += len(row)
                    if size > _BLOCK_BYTES:
                        yield b"".join(rows)
                        rows.clear()
                        size = 0
            yield b"".join(rows)


@contextmanager
def _translating_errors() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise SystemicError(f"the source database failed: {first_line(error)}") from error


@contextmanager
def open_source_database(url: str, schema: str | None = None) -> Iterator[SourceDatabase]:
    """Connect read-only. ``url`` may be Prisma's; ``schema`` defaults to the URL's, else ``public``.

    Raises ``ConfigurationError`` if the URL is invalid, the database does not answer, or it is not livedash-node's.
    """
    arguments, named = _connection_arguments(url)
    try:
        connection = psycopg.connect(**arguments, application_name="livedash migrate", connect_timeout=10)
    except psycopg.Error as error:
        raise ConfigurationError(f"the source database does not answer: {first_line(error)}") from None
    with connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        # The target must parse the text of COPY in the same zone, style and encoding. The snapshot stays open longer
        # than the server's timeouts may allow.
        for setting in ("TimeZone = 'UTC'", "DateStyle = 'ISO'", "client_encoding = 'UTF8'",
                        "default_transaction_read_only = on", "idle_in_transaction_session_timeout = 0",
                        "statement_timeout = 0"):  # fmt: skip
            connection.execute(f"SET {setting}".encode())
        try:
            yield SourceDatabase(connection, schema or named or "public")
        finally:
            connection.rollback()


def _connection_arguments(url: str) -> tuple[Mapping[str, Any], str | None]:
    """Return psycopg's arguments, and the schema in the URL."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        parsed = None
    if parsed is None or parsed.get_backend_name() not in ("postgresql", "postgres"):
        # Not quoted: it may contain a password.
        raise ConfigurationError("--source is not a URL like postgresql://user:password@host/name")
    query = {name: str(value) for name, value in parsed.query.items()}
    schema = query.get("schema")
    arguments = parsed.set(query={}).translate_connect_args(username="user", database="dbname")
    return arguments | {name: value for name, value in query.items() if name not in _PRISMA_PARAMETERS}, schema

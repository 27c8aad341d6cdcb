"""The database as a page reads it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from livedash_core.db import check_schema

Reader = Callable[[], AbstractContextManager[Connection]]


def page_reader(open_engine: Callable[[], Engine]) -> Reader:
    """A context manager that gives a read-only connection on one snapshot, so that a page's numbers agree.

    The engine is opened by the first page that needs it. Where the database is away or its schema is not this
    code's, leaving the context raises ``SystemicError`` or ``SchemaOutdated`` instead of the driver's error.
    """
    engine = cache(open_engine)  # remembers an engine, never an error

    @contextmanager
    def read() -> Iterator[Connection]:
        try:
            with engine().connect() as connection:
                yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        except DBAPIError:
            check_schema(engine())
            raise

    return read

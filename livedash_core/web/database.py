"""Read-only database connections for the pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from livedash_core.db import check_schema, snapshot

Reader = Callable[[], AbstractContextManager[Connection]]


def page_reader(open_engine: Callable[[], Engine]) -> Reader:
    """Return a context manager that opens a read-only connection on one snapshot, so that a page's numbers agree.

    The first page opens the engine. If the database is not available or its schema has another version, leaving the
    context raises ``SystemicError`` or ``SchemaOutdated`` instead of the driver's error.
    """
    engine = cache(open_engine)  # caches an engine, but no error

    @contextmanager
    def read() -> Iterator[Connection]:
        try:
            with snapshot(engine()) as connection:
                yield connection
        except DBAPIError:
            check_schema(engine())
            raise

    return read

"""The database: engines, and the schema's version. One dialect, PostgreSQL through psycopg 3."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from livedash_core.errors import ConfigurationError, SchemaOutdated, SystemicError

if TYPE_CHECKING:
    from alembic.config import Config

T = TypeVar("T")

DRIVER = "postgresql+psycopg"
#: A transaction that is idle for so long is a bug in LiveDash; PostgreSQL ends it before dead rows slow the queue.
IDLE_IN_TRANSACTION_SECONDS = 60
#: Set on every connection: in the server's own zone, an instant near year 1 or 9999 may be outside Python's range.
TIME_ZONE = "UTC"
#: deadlock_detected and serialization_failure: the same work can succeed in another transaction.
CONFLICTS = ("40P01", "40001")
CONFLICT_ATTEMPTS = 5
#: The oldest major version that docs/install.md promises.
OLDEST_SERVER = 16
_MIGRATIONS = Path(__file__).parent / "migrations"


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """Create an engine for a PostgreSQL ``url`` of any scheme; it does not connect yet.

    Raises ``ConfigurationError`` when the URL is not a PostgreSQL URL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is not a number
        raise ConfigurationError(
            "LIVEDASH_DATABASE_URL is not a URL like postgresql://user:password@host/name"
        ) from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigurationError(f"LiveDash needs PostgreSQL; LIVEDASH_DATABASE_URL begins with {parsed.drivername}://")
    return create_engine(
        parsed.set(drivername=DRIVER),
        pool_size=pool_size,
        pool_pre_ping=True,
        pool_use_lifo=True,  # the connection used last has prepared what a run repeats
        hide_parameters=True,  # transcripts are parameters, and a traceback would print them
        connect_args={
            "application_name": "livedash",
            "connect_timeout": 10,
            "options": f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s -c timezone={TIME_ZONE} "
            # The generic plans of short statements look expensive enough to be compiled, for longer than they run.
            "-c jit=off",
        },
    )


def engine_from_creator(connect: Callable[[], Any]) -> Engine:
    """Create an engine whose connections ``connect`` opens, such as an Airflow hook.

    Two connections stay open between uses, for ten minutes at most, so that a rotated password is picked up; at most
    eight are open at once. A forked process opens its own.
    """

    def connect_in_utc() -> Any:
        connection = connect()
        connection.execute(f"SET TIME ZONE '{TIME_ZONE}'; SET jit = off")
        connection.commit()
        return connection

    engine = create_engine(
        f"{DRIVER}://",
        creator=connect_in_utc,
        pool_size=2,
        max_overflow=6,
        pool_timeout=10,
        pool_recycle=600,
        pool_pre_ping=True,
        pool_use_lifo=True,  # connections beyond the need age and are closed
        hide_parameters=True,
    )
    # Two processes must not read from one socket.
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine


# Alembic is imported inside the functions, because only changes of the schema need it, and not its check, which every
# command and task makes.


def _alembic(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


@cache
def revisions() -> tuple[str, ...]:
    """The revisions of the schema that this code has, the newest first."""
    # Alembic names a script REVISION_TITLE.py.
    names = (script.name for script in (_MIGRATIONS / "versions").glob("[0-9]*_*.py"))
    return tuple(sorted((name.partition("_")[0] for name in names), reverse=True))


def upgrade_schema(engine: Engine, revision: str = "head") -> None:
    """Create or upgrade the schema, in one transaction; safe to call at every start.

    Raises ``ConfigurationError`` if the server is older than PostgreSQL 16, ``SchemaOutdated`` if a newer LiveDash has
    upgraded the schema, ``SystemicError`` if the database does not answer.
    """
    from alembic import command

    with _connected(engine) as connection, connection.begin():
        check_server(connection)
        _check_not_newer(connection)
        command.upgrade(_alembic(connection), revision)


def check_server(connection: Connection) -> None:
    """Raise ``ConfigurationError`` if the server is older than the oldest PostgreSQL that LiveDash supports."""
    version: str = connection.execute(text("SHOW server_version")).scalar_one()
    if int(version.split(".")[0]) < OLDEST_SERVER:
        raise ConfigurationError(
            f"LiveDash needs PostgreSQL {OLDEST_SERVER} or newer, and this server is PostgreSQL {version.split()[0]}; "
            "set LIVEDASH_DATABASE_URL to a newer server, or upgrade this one with pg_upgrade"
        )


def downgrade_schema(engine: Engine, revision: str) -> None:
    """Downgrade the schema to ``revision``; ``base`` removes it."""
    from alembic import command

    with engine.begin() as connection:
        command.downgrade(_alembic(connection), revision)


def check_schema(engine: Engine) -> None:
    """Check that the schema has this code's revision.

    Raises ``SchemaOutdated`` if it has another, ``SystemicError`` if the database does not answer.
    """
    with _connected(engine) as connection:
        current = _check_not_newer(connection)
    head = revisions()[0]
    if current is None:
        raise SchemaOutdated("the database has no LiveDash schema yet; create it with: livedash db upgrade")
    if current != head:
        raise SchemaOutdated(
            f"the database's schema is at revision {current}, this version needs {head}; run: livedash db upgrade"
        )


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    """Connect; raise ``SystemicError`` with the address if the database does not answer."""
    try:
        connection = engine.connect()
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise SystemicError(
            f"the LiveDash database does not answer at {where}: {first_line(error)}; "
            "check LIVEDASH_DATABASE_URL and the server"
        ) from error
    with connection:
        yield connection


def _check_not_newer(connection: Connection) -> str | None:
    """Return the schema's revision; raise ``SchemaOutdated`` if this code does not have it."""
    has_table = connection.scalar(text("SELECT to_regclass('livedash.alembic_version') IS NOT NULL"))
    current = connection.scalar(text("SELECT version_num FROM livedash.alembic_version")) if has_table else None
    if current is not None and current not in revisions():
        raise SchemaOutdated(
            f"the database's schema is at revision {current}, which this version of LiveDash does not have: a newer "
            "version has upgraded it; install that one: pip install --upgrade livedash-pipeline"
        )
    return current


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """Open a read-only connection whose statements all see the database as the first of them does."""
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def in_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run ``work`` in a transaction; retry it after a deadlock or serialization failure."""
    with engine.connect() as connection:
        return in_transaction_on(connection, work)


def in_transaction_on(connection: Connection, work: Callable[[Connection], T]) -> T:
    """Do what ``in_transaction`` does on a connection that has no open transaction."""
    for attempt in range(1, CONFLICT_ATTEMPTS + 1):
        try:
            with connection.begin():
                return work(connection)
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) not in CONFLICTS or attempt == CONFLICT_ATTEMPTS:
                raise
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - jitter, not a secret
    raise AssertionError("unreachable")


@contextmanager
def advisory_lock(engine: Engine, name: str) -> Iterator[bool]:
    """Try to take a named advisory lock; yield whether it was acquired.

    PostgreSQL releases the lock when its connection ends, also after a crash.
    """
    parameters = {"name": name}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        acquired = bool(connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), parameters))
        try:
            yield acquired
        finally:
            # The pool keeps the connection open, and an open connection keeps its locks.
            if acquired and not connection.invalidated:
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:name, 0))"), parameters)


def first_line(error: BaseException) -> str:
    """Return the first line of a driver's error: its sentence without SQL, parameters and hints."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__

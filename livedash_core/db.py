"""The database: engines, and the schema's version. One dialect, PostgreSQL through psycopg 3."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError, OperationalError

from livedash_core.errors import ConfigurationError, SchemaOutdated, SystemicError

if TYPE_CHECKING:
    from alembic.config import Config

T = TypeVar("T")

DRIVER = "postgresql+psycopg"
#: A transaction that does nothing for so long is a bug of ours; PostgreSQL ends it before it bloats the queue.
IDLE_IN_TRANSACTION_SECONDS = 60
#: Of every connection: in the server's own zone, an instant near year 1 or 9999 may be one that Python does not have.
TIME_ZONE = "UTC"
#: deadlock_detected and serialization_failure: nothing is wrong with the work, only with the moment.
CONFLICTS = ("40P01", "40001")
CONFLICT_ATTEMPTS = 5


def make_engine(url: str, *, pool_size: int = 5) -> Engine:
    """An engine for ``url``, whatever PostgreSQL scheme it is written with; nothing connects yet.

    Raises ``ConfigurationError`` when the URL is not a PostgreSQL URL.
    """
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # ValueError: a port that is no number
        raise ConfigurationError(
            "LIVEDASH_DATABASE_URL is not a URL like postgresql://user:password@host/name"
        ) from error
    if parsed.get_backend_name() not in ("postgresql", "postgres"):
        raise ConfigurationError(f"LiveDash needs PostgreSQL; LIVEDASH_DATABASE_URL begins with {parsed.drivername}://")
    return create_engine(
        parsed.set(drivername=DRIVER),
        pool_size=pool_size,
        pool_pre_ping=True,
        hide_parameters=True,  # they may be transcripts, and a traceback would print them
        connect_args={
            "application_name": "livedash",
            "connect_timeout": 10,
            "options": f"-c idle_in_transaction_session_timeout={IDLE_IN_TRANSACTION_SECONDS}s -c timezone={TIME_ZONE}",
        },
    )


def engine_from_creator(connect: Callable[[], Any], *, keep: int = 0) -> Engine:
    """An engine whose connections somebody else opens (an Airflow hook).

    ``keep`` are kept between uses, for ten minutes at most, so that a rotated password is taken; four times as many
    may be open at once. Whoever is forked afterwards opens connections of its own.
    """

    def connect_in_utc() -> Any:
        connection = connect()
        connection.execute(f"SET TIME ZONE '{TIME_ZONE}'")
        connection.commit()
        return connection

    if not keep:
        return create_engine(f"{DRIVER}://", creator=connect_in_utc, poolclass=NullPool, hide_parameters=True)
    engine = create_engine(
        f"{DRIVER}://",
        creator=connect_in_utc,
        pool_size=keep,
        max_overflow=3 * keep,
        pool_timeout=10,
        pool_recycle=600,
        pool_pre_ping=True,
        pool_use_lifo=True,  # what is not needed goes stale and is closed
        hide_parameters=True,
    )
    # A socket that two processes read from answers neither.
    os.register_at_fork(after_in_child=lambda: engine.dispose(close=False))
    return engine


# Alembic is imported where it is needed: a task that only checks the schema does so once, a page never.


def _alembic(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    return config


def upgrade_schema(engine: Engine, revision: str = "head") -> None:
    """Create or upgrade the schema, in one transaction; safe to call at every start."""
    from alembic import command

    with engine.begin() as connection:
        command.upgrade(_alembic(connection), revision)


def downgrade_schema(engine: Engine, revision: str) -> None:
    """Take the schema back to ``revision`` (``base``: nothing of ours is left)."""
    from alembic import command

    with engine.begin() as connection:
        command.downgrade(_alembic(connection), revision)


def check_schema(engine: Engine) -> None:
    """Raise ``SchemaOutdated`` unless the schema is exactly this code's, ``SystemicError`` if nobody answers."""
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory

    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"version_table_schema": "livedash"})
            found = context.get_current_revision()
            wanted = ScriptDirectory.from_config(_alembic(connection)).get_current_head()
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise SystemicError(f"the LiveDash database does not answer at {where}: {first_line(error)}") from error
    if found is None:
        raise SchemaOutdated("the database has no LiveDash schema yet; create it with: livedash db upgrade")
    if found != wanted:
        raise SchemaOutdated(
            f"the database's schema is at revision {found}, this version needs {wanted}; run: livedash db upgrade"
        )


def in_transaction(engine: Engine, work: Callable[[Connection], T]) -> T:
    """Run ``work`` in a transaction of its own, again when PostgreSQL chose it as the victim of a deadlock."""
    with engine.connect() as connection:
        return in_transaction_on(connection, work)


def in_transaction_on(connection: Connection, work: Callable[[Connection], T]) -> T:
    """The same on a connection that has none open."""
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
def advisory_lock(engine: Engine, what: str) -> Iterator[bool]:
    """Be the only one who works on ``what``, or be told that somebody else is.

    An advisory lock: it ends with its connection, so a crash leaves nothing to wait for.
    """
    number = {"what": what}
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        mine = bool(connection.scalar(text("SELECT pg_try_advisory_lock(hashtextextended(:what, 0))"), number))
        try:
            yield mine
        finally:
            # The pool keeps the connection, and with it what it holds.
            if mine and not connection.invalidated:
                connection.execute(text("SELECT pg_advisory_unlock(hashtextextended(:what, 0))"), number)


def first_line(error: BaseException) -> str:
    """The sentence of a driver's error, without SQL, parameters and hints."""
    cause = getattr(error, "orig", None) or error
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__

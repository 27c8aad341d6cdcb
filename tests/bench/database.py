"""The embedded server in a directory of its own, and a fresh migrated database for each benchmark."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from uuid import UUID

import psycopg
from sqlalchemy import Connection, Engine, insert, text
from uuid6 import uuid7

from livedash_core.db import make_engine, upgrade_schema
from livedash_core.local.embedded_postgres import Address, EmbeddedPostgres
from livedash_core.models import Company
from tests.bench.scale import Scale
from tests.new_sessions import initialize_new

#: As large as the table's warm part, and no checkpoint in the middle of a measurement (docs/benchmarks.md).
SERVER_SETTINGS = {"fsync": "on", "synchronous_commit": "on", "shared_buffers": "1GB", "max_wal_size": "8GB"}
#: Sessions per statement: what an import brings in at once.
CHUNK = 10_000

TEMPLATE = "livedash_bench"
COMPANY = "Bench"


@dataclass(frozen=True)
class Database:
    """A migrated database with one active company."""

    address: Address
    engine: Engine
    company_id: UUID

    @property
    def url(self) -> str:
        return self.address.url()

    def bare(self, *, autocommit: bool = True) -> psycopg.Connection[Any]:
        """A connection without anything of ours in between."""
        return psycopg.connect(
            host=str(self.address.socket_directory),
            dbname=self.address.database,
            user="postgres",
            autocommit=autocommit,
        )

    def initialize(self, session_ids: Sequence[UUID], *, completed_stages: int = 1) -> None:
        """Status rows for these sessions, in chunks of a transaction each, as an import writes them."""
        for first in range(0, len(session_ids), CHUNK):
            chunk = session_ids[first : first + CHUNK]
            initialize_new(self.engine, self.company_id, chunk, completed_stages=completed_stages)

    def grow(self, sessions: int, *, completed_stages: int = 1) -> None:
        """So many new sessions, their first ``completed_stages`` done."""
        for first in range(0, sessions, CHUNK):
            self.initialize(new_ids(min(CHUNK, sessions - first)), completed_stages=completed_stages)

    def execute(self, statement: str) -> None:
        """One statement in its own transaction, or outside of any (VACUUM)."""
        with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text(statement))

    def settle(self, *tables: str) -> None:
        """Statistics of the status table and of ``tables``, and nothing left to write from the preparation.

        Not of all tables: autovacuum leaves an empty one alone, and plans for a table that is known to be empty are
        not those for a table that nothing is known about.
        """
        self.execute(f"VACUUM ANALYZE {', '.join(('livedash.session_processing_status', *tables))}")
        self.execute("CHECKPOINT")


class Server:
    """A context manager: the embedded PostgreSQL in a temporary directory that goes with it, fsync on."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self.version = ""
        self._exit = ExitStack()
        self._numbers = count(1)
        self._backlogs: dict[int, Database] = {}

    def __enter__(self) -> Self:
        # In the system's temporary directory: as root, the server runs as another user who must be able to reach it.
        self.directory = Path(
            self._exit.enter_context(tempfile.TemporaryDirectory(prefix="livedash-bench-", ignore_cleanup_errors=True))
        )
        self._postgres = self._exit.enter_context(EmbeddedPostgres(self.directory / "postgres", **SERVER_SETTINGS))
        template = make_engine(self._postgres.database(TEMPLATE).url())
        upgrade_schema(template)
        with template.connect() as connection:
            self.version = str(connection.scalar(text("SHOW server_version")))
        template.dispose()
        self._maintenance = make_engine(self._postgres.database("postgres").url()).execution_options(
            isolation_level="AUTOCOMMIT"
        )
        self._exit.callback(self._maintenance.dispose)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.__exit__(kind, value, trace)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """A database for one benchmark, dropped afterwards."""
        name = f"{TEMPLATE}_{next(self._numbers)}"
        with self._maintenance.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
        address = self._postgres.database(name)
        engine = make_engine(address.url())
        try:
            with engine.begin() as connection:
                company_id = _add_company(connection)
            yield Database(address, engine, company_id)
        finally:
            engine.dispose()
            with self._maintenance.connect() as connection:
                connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    def backlog(self, sessions: int) -> Database:
        """A database with so many sessions due for their second stage, made once for all benchmarks that want one."""
        if sessions not in self._backlogs:
            database = self._exit.enter_context(self.database())
            database.grow(sessions)
            database.settle()
            self._backlogs[sessions] = database
        return self._backlogs[sessions]


def new_ids(number: int) -> list[UUID]:
    """Ids as an import makes them: later ones are larger."""
    return [uuid7() for _ in range(number)]


def _add_company(connection: Connection) -> UUID:
    company_id = uuid7()
    connection.execute(insert(Company).values(id=company_id, name=COMPANY))
    return company_id

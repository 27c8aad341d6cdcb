"""A real PostgreSQL: one server and one migrated template for the run, a copy of it for each test."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_core.db import make_engine, upgrade_schema
from livedash_core.local.embedded_postgres import Address, EmbeddedPostgres
from tests.integration.records import Records
from tests.integration.stages.batch_server import BatchServer
from tests.integration.stages.batches import Batches

_numbers = count(1)
RAM_DISK = Path("/dev/shm")
#: A test's database takes 10 MB and is dropped after the test; a few tests fill tables with millions of rows.
RAM_DISK_BYTES = 2 * 1024**3


def _database_directory() -> str | None:
    """The RAM disk if there is room: copying a database there takes a twentieth of the time it takes on a disk."""
    roomy = RAM_DISK.is_dir() and shutil.disk_usage(RAM_DISK).free >= RAM_DISK_BYTES
    return str(RAM_DISK) if roomy else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    # Not pytest's tmp_path: as root the server runs as another user, who must be able to reach the directory.
    with (
        tempfile.TemporaryDirectory(
            prefix="livedash-test-", dir=_database_directory(), ignore_cleanup_errors=True
        ) as directory,
        EmbeddedPostgres(
            Path(directory) / "postgres", fsync="off", full_page_writes="off", file_copy_method="clone"
        ) as server,
    ):
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> Address:
    """A migrated database that each test's database is copied from."""
    address = postgres.database("template")
    engine = make_engine(address.url())
    upgrade_schema(engine)
    engine.dispose()
    return address


@pytest.fixture(scope="session")
def execute_maintenance(postgres: EmbeddedPostgres) -> Iterator[Callable[[str], None]]:
    """Run a statement such as CREATE DATABASE, which allows no transaction around it."""
    engine = make_engine(postgres.database("postgres").url()).execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield lambda statement: connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def database_url(template: Address, execute_maintenance: Callable[[str], None]) -> Iterator[str]:
    """The test's own database, migrated and empty."""
    name = f"test_{next(_numbers)}"
    execute_maintenance(f"CREATE DATABASE {name} TEMPLATE {template.database} STRATEGY FILE_COPY")
    yield Address(template.socket_directory, name).url()
    execute_maintenance(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    engine = make_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """Commits each statement, as separate transactions of an application would."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        yield connection


@pytest.fixture
def records(engine: Engine) -> Records:
    return Records(engine)


@pytest.fixture
def company_id(records: Records) -> UUID:
    return records.company("Acme")


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as server:
        yield server


@pytest.fixture
def batches(engine: Engine, server: BatchServer) -> Batches:
    return Batches(engine, server.url)

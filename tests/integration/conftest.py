"""A real PostgreSQL: one server and one migrated template for the run, a copy of it for each test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_core.db import make_engine, upgrade_schema
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from tests.integration.records import Records
from tests.integration.stages.batch_server import BatchServer
from tests.integration.stages.batches import Batches

_numbers = count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[EmbeddedPostgres]:
    # Not pytest's tmp_path: as root the server runs as another user, who must be able to reach the directory.
    with (
        tempfile.TemporaryDirectory(prefix="livedash-test-", ignore_cleanup_errors=True) as directory,
        EmbeddedPostgres(Path(directory) / "postgres", fsync="off", full_page_writes="off") as server,
    ):
        yield server


@pytest.fixture(scope="session")
def template(postgres: EmbeddedPostgres) -> str:
    engine = make_engine(postgres.database("template").url())
    upgrade_schema(engine)
    engine.dispose()
    return "template"


@pytest.fixture
def database_url(postgres: EmbeddedPostgres, template: str) -> str:
    name = f"test_{next(_numbers)}"
    maintenance = make_engine(postgres.database("postgres").url()).execution_options(isolation_level="AUTOCOMMIT")
    with maintenance.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {template}"))
    maintenance.dispose()
    return postgres.database(name).url()


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
def world(records: Records) -> Records:
    """The former name of ``records``."""
    return records


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

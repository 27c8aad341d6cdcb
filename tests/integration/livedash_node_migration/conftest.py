from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from livedash_core.livedash_node_migration import Report, migrate_livedash_node, open_source_database
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from tests.integration.livedash_node_migration.livedash_node import LivedashNode

_numbers = count(1)

NewNode = Callable[..., LivedashNode]
Migrate = Callable[..., Report]


@pytest.fixture
def new_node(postgres: EmbeddedPostgres) -> Iterator[NewNode]:
    """``new_node(refactored=True)``: an old database of its own."""
    with ExitStack() as stack:

        def make(**how: object) -> LivedashNode:
            node = LivedashNode(postgres.database(f"livedash_node_{next(_numbers)}").url(), **how)  # type: ignore[arg-type] # its own options
            stack.callback(node.close)
            return node

        yield make


@pytest.fixture
def migrate(engine: Engine, tmp_path: Path) -> Migrate:
    """``migrate(node)``: what `livedash migrate` does. Neither server is in UTC, and neither in the other's zone."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"ALTER DATABASE {engine.url.database} SET timezone = 'America/New_York'"))
    engine.dispose()

    def run(node: LivedashNode, **how: object) -> Report:
        with open_source_database(node.url, node.schema) as source:
            return migrate_livedash_node(source, engine, tmp_path / "migration", **how)  # type: ignore[arg-type] # its own options

    return run

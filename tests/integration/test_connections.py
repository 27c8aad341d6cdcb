"""Connections: what every one of them is set to."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from sqlalchemy import Engine, text

from livedash_core.db import engine_from_creator, make_engine
from livedash_core.local.embedded_postgres import EmbeddedPostgres

ENGINES: dict[str, Callable[[str], Engine]] = {
    "of a URL": make_engine,
    "of a hook": lambda url: engine_from_creator(lambda: psycopg.connect(url)),
}


@pytest.mark.parametrize("kind", ENGINES)
def test_instants_at_the_edge_of_the_calendar_can_be_read_whatever_zone_the_server_is_in(
    postgres: EmbeddedPostgres, kind: str
) -> None:
    url = postgres.database("in_tokyo").url()
    with psycopg.connect(url) as connection:
        connection.execute("ALTER DATABASE in_tokyo SET timezone = 'Asia/Tokyo'")

    engine = ENGINES[kind](url)
    with engine.connect() as connection:
        latest = connection.scalar(text("SELECT CAST('9999-12-31 20:00:00+00' AS timestamptz)"))
    engine.dispose()

    assert latest.isoformat() == "9999-12-31T20:00:00+00:00"


@pytest.mark.parametrize("kind", ENGINES)
def test_statements_are_not_compiled_because_that_takes_longer_than_they_run(
    postgres: EmbeddedPostgres, kind: str
) -> None:
    engine = ENGINES[kind](postgres.database("compiling").url())
    with engine.connect() as connection:
        assert connection.scalar(text("SHOW jit")) == "off"
    engine.dispose()

"""The database of the pages: opened at the first request, read only, and one sentence if it is not available."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import InternalError

from livedash_core.db import downgrade_schema, make_engine
from livedash_core.errors import ConfigurationError
from livedash_core.web.database import page_reader
from tests.integration.records import Records
from tests.integration.web.conftest import Visit, make_app


def assert_one_sentence(html: str, *words: str) -> None:
    assert all(word in html for word in words), html
    assert "Traceback" not in html
    assert "sqlalche.me" not in html


def test_the_database_is_opened_once_and_by_the_first_page(visit: Visit, engine: Engine) -> None:
    opened = []

    def open_engine() -> Engine:
        opened.append(engine)
        return engine

    page = visit(make_app(open_engine))
    page.get("static/page.css")
    assert opened == []

    page.get("")
    page.get("")
    assert opened == [engine]


def test_an_unavailable_database_is_one_sentence(visit: Visit, tmp_path: Path) -> None:
    away = make_engine(f"postgresql://postgres:do-not-tell@/livedash?host={tmp_path}")

    answer = visit(make_app(lambda: away)).get("")

    assert answer.status_code == 503
    assert_one_sentence(answer.text, "does not answer")
    assert "do-not-tell" not in answer.text
    assert str(tmp_path) not in answer.text
    assert "Try again" in answer.text


def test_a_page_recovers_with_its_database(visit: Visit, engine: Engine) -> None:
    answers: list[Engine | ConfigurationError] = [ConfigurationError("the connection does not exist"), engine]

    def open_engine() -> Engine:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    page = visit(make_app(open_engine))
    first = page.get("")

    assert first.status_code == 503
    assert_one_sentence(first.text, "the connection does not exist")
    assert page.get("").status_code == 200


def test_a_missing_schema_is_reported_with_the_command_that_creates_it(
    visit: Visit, engine: Engine, records: Records
) -> None:
    records.sessions(records.company("Acme"), 1)
    page = visit(make_app(lambda: engine))
    assert page.get("").status_code == 200

    downgrade_schema(engine, "base")
    answer = page.get("")

    assert answer.status_code == 503
    assert_one_sentence(answer.text, "livedash db upgrade")


def test_a_client_that_does_not_accept_html_gets_the_sentence_as_json(visit: Visit, engine: Engine) -> None:
    downgrade_schema(engine, "base")

    answer = visit(make_app(lambda: engine)).get("", headers={"Accept": "*/*"})

    assert answer.status_code == 503
    assert "livedash db upgrade" in answer.json()["detail"]


def test_a_page_cannot_write(engine: Engine) -> None:
    with pytest.raises(InternalError, match="read-only transaction"), page_reader(lambda: engine)() as connection:
        connection.execute(text("DELETE FROM livedash.company"))


def test_all_numbers_of_a_page_come_from_one_snapshot(engine: Engine, records: Records) -> None:
    count = text("SELECT count(*) FROM livedash.company")
    with page_reader(lambda: engine)() as connection:
        before = connection.scalar(count)
        records.company("Acme")
        assert connection.scalar(count) == before == 0


AFTER_A_FORK = """
import os, sys
import psycopg
from sqlalchemy import text
from livedash_core.db import engine_from_creator

engine = engine_from_creator(lambda: psycopg.connect(sys.argv[1]))

def backend() -> int:
    with engine.connect() as connection:
        return connection.scalar(text("SELECT pg_backend_pid()"))

parents = backend()
assert backend() == parents, "the connection is kept"
child = os.fork()
if child == 0:
    os._exit(0 if backend() != parents else 1)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0, "the child has one of its own"
assert backend() == parents, "and the parent's still works"
"""


def test_connections_are_kept_between_pages_and_not_shared_with_a_forked_process(database_url: str) -> None:
    address = database_url.replace("postgresql+psycopg://", "postgresql://")
    done = subprocess.run([sys.executable, "-c", AFTER_A_FORK, address], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr

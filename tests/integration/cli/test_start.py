"""`livedash start`: a component with an unusable environment stops with one sentence; a usable one runs."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Engine, text

from tests.integration.cli.conftest import CommandLine

SECRET = "hunter2hunter2"
SCHEDULER = ("start", "airflow", "scheduler")
CELERY = {"AIRFLOW__CORE__EXECUTOR": "CeleryExecutor"}


@pytest.fixture(scope="module")
def closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening
        yield taken.getsockname()[1]


def test_a_usable_environment_starts_the_program_with_its_own_options(database_url: str) -> None:
    usable = CommandLine(
        LIVEDASH_DATABASE_URL=database_url,
        AIRFLOW__CORE__FERNET_KEY=f"{Fernet.generate_key().decode()},{Fernet.generate_key().decode()}",
        AIRFLOW__API_AUTH__JWT_SECRET="s" * 64,
        AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database_url.replace("postgresql:", "postgresql+psycopg2:"),
    )
    assert usable("start", "sh", "-c", 'echo "$0 $1"', "--json", "-x")[0] == "--json -x\n"
    assert usable("start", "sh", "-c", "exit 7", code=7)[0] == ""


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("AIRFLOW__CORE__FERNET_KEY", SECRET, "AIRFLOW__CORE__FERNET_KEY is not a Fernet key"),
        ("AIRFLOW__CORE__FERNET_KEY", "ä" * 44, "AIRFLOW__CORE__FERNET_KEY is not a Fernet key"),
        ("AIRFLOW__API_AUTH__JWT_SECRET", SECRET, "AIRFLOW__API_AUTH__JWT_SECRET has 14 bytes and needs 64"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", SECRET, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN is not a URL"),
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", f"postgresql://me:{SECRET}@127.0.0.1:no/a", "is not a URL"),
        ("LIVEDASH_LANES", "many", "the setting LIVEDASH_LANES is invalid"),
        ("LIVEDASH_DATABASE_URL", f"mysql://me:{SECRET}@host/a", "LIVEDASH_DATABASE_URL begins with mysql://"),
    ],
)
def test_a_wrong_variable_is_named_and_its_value_is_not_printed(variable: str, value: str, sentence: str) -> None:
    (said,) = CommandLine(**{variable: value}).refuses(SCHEDULER, code=1)
    assert sentence in said
    assert SECRET not in said


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("AIRFLOW__DATABASE__SQL_ALCHEMY_CONN", "postgresql+psycopg2://me:{}@127.0.0.1:{}/airflow"),
        ("LIVEDASH_DATABASE_URL", "postgresql://me:{}@127.0.0.1:{}/livedash"),
        ("AIRFLOW__CELERY__BROKER_URL", "redis://:{}@127.0.0.1:{}/0"),
    ],
)
def test_a_server_that_does_not_answer_is_named_by_variable_and_address(
    variable: str, url: str, closed_port: int
) -> None:
    (said,) = CommandLine(**CELERY, **{variable: url.format(SECRET, closed_port)}).refuses(SCHEDULER, code=1)
    assert f"check {variable} and the server" in said
    assert f"127.0.0.1:{closed_port}" in said
    assert SECRET not in said


def test_celery_without_a_broker_is_refused_where_it_is_needed_only() -> None:
    airflow = CommandLine(**CELERY)
    (said,) = airflow.refuses(("start", "airflow", "celery", "worker"), code=1)
    assert "AIRFLOW__CELERY__BROKER_URL is not set" in said
    assert airflow("start", "true")[0] == ""


def test_a_component_waits_for_the_schema_and_the_command_that_makes_it_does_not(engine: Engine, database_url: str):
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM livedash.alembic_version"))
    empty = CommandLine(LIVEDASH_DATABASE_URL=database_url)
    (said,) = empty.refuses(SCHEDULER, code=1)
    assert "livedash db upgrade" in said
    assert empty("start", "true")[0] == ""


def test_a_program_that_does_not_exist_is_named() -> None:
    (said,) = CommandLine().refuses(("start", "no-such-program"), code=2)
    assert "no-such-program cannot be started: No such file or directory" in said


def test_a_wrong_password_of_redis_is_said(tmp_path) -> None:
    server = shutil.which("redis-server")
    if server is None:
        pytest.skip("NOT PROVED: a real Redis, because redis-server is not installed (Debian: redis-server)")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    options = ["--port", f"{port}", "--bind", "127.0.0.1", "--requirepass", "correct", "--save", "", "--dir", tmp_path]
    with subprocess.Popen([server, *options], stdout=subprocess.PIPE, text=True) as redis:
        try:
            assert any("Ready to accept" in line for line in redis.stdout)
            wrong = f"redis://:{SECRET}@127.0.0.1:{port}/0"
            (said,) = CommandLine(**CELERY, AIRFLOW__CELERY__BROKER_URL=wrong).refuses(SCHEDULER, code=1)
        finally:
            redis.terminate()
    assert "invalid username-password pair" in said
    assert SECRET not in said

"""What a user meets before anything works: a sentence that says what to do, and no traceback."""

from __future__ import annotations

import os
import socket
import tempfile
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from livedash_core import db
from livedash_core.errors import ConfigurationError
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from tests.integration.cli.conftest import CommandLine


def test_an_empty_database_is_an_error_that_names_the_command_to_create_the_schema(postgres: EmbeddedPostgres) -> None:
    livedash = CommandLine(LIVEDASH_DATABASE_URL=postgres.database("empty").url())
    assert livedash.refuses(("status",), code=1)[0].endswith("create it with: livedash db upgrade\n")
    assert livedash("db", "upgrade")[0] == "The schema is up to date.\n"
    assert livedash.json("status")["total_sessions"] == 0


def test_a_database_that_cannot_be_used_is_named_without_its_password() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound, not listening: nobody else gets the port either
        address = f"postgresql://me:hunter2@127.0.0.1:{nobody.getsockname()[1]}/livedash"
        closed = CommandLine(LIVEDASH_DATABASE_URL=address)
        output = closed.refuses(("status",), ("db", "upgrade"), code=1)
    assert all("check LIVEDASH_DATABASE_URL" in sentence for sentence in output)
    assert all("Connection refused" in sentence and "hunter2" not in sentence for sentence in output)
    (nonsense,) = CommandLine(LIVEDASH_DATABASE_URL="hunter2").refuses(("db", "upgrade"), code=1)
    assert "postgresql://user:password@host/name" in nonsense
    assert "hunter2" not in nonsense


def test_a_schema_newer_than_the_code_asks_for_the_newer_version(livedash: CommandLine, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("UPDATE livedash.alembic_version SET version_num = '9999'"))
    sentences = livedash.refuses(("status",), ("process",), ("db", "upgrade"), code=1)
    assert all("revision 9999" in sentence for sentence in sentences)
    assert all("pip install --upgrade livedash-pipeline" in sentence for sentence in sentences)


def test_a_server_older_than_those_tested_is_refused_before_anything_is_created(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "OLDEST_SERVER", 99)
    engine = db.make_engine(postgres.database("older").url())
    with pytest.raises(ConfigurationError, match=r"needs PostgreSQL 99 or newer, and this server is PostgreSQL \d+"):
        db.upgrade_schema(engine)
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT to_regnamespace('livedash')")) is None
    engine.dispose()


def test_an_invalid_setting_is_named_by_its_variable(livedash: CommandLine) -> None:
    wrong = livedash.with_environment({"LIVEDASH_LEASE_SECONDS": "soon"})
    (output,) = wrong.refuses(("status",), code=1)
    assert output.startswith("livedash: the setting LIVEDASH_LEASE_SECONDS is invalid: ")


def test_an_argument_that_is_not_text_is_refused(livedash: CommandLine) -> None:
    (output,) = livedash.refuses(("session", b"\xff".decode(errors="surrogateescape")))
    assert "not text in UTF-8" in output


def test_without_a_url_the_embedded_server_runs_as_long_as_the_command() -> None:
    # Not pytest's tmp_path: as root the server runs as another user, who must be able to reach the directory.
    with tempfile.TemporaryDirectory(prefix="livedash-test-", ignore_cleanup_errors=True) as directory:
        home = Path(directory) / "home"
        livedash = CommandLine(LIVEDASH_HOME=str(home))
        livedash("company", "add", "Acme")
        assert [company["name"] for company in livedash.json("company", "list")] == ["Acme"]
        assert not (home / "postgres" / "postmaster.pid").exists()
        # Only the owner lists it; for root, others may pass through, because the server runs as another user.
        assert home.stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)
        assert Path(directory).stat().st_mode & 0o066 == 0

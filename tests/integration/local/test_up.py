"""What `livedash up` prints about the due sessions, and which component it names when one has ended."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import psutil
import pytest
from rich.console import Console
from sqlalchemy import Engine, text

from livedash_core.cli.output import breakdown_table
from livedash_core.db import make_engine
from livedash_core.errors import ConfigurationError
from livedash_core.local import up, watch
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.local.processes import Processes
from livedash_core.pipeline import BUILT_IN
from tests.integration.records import Records


def follow(engine: Engine, check_alive: Callable[[], None] = lambda: None) -> str:
    printed = io.StringIO()
    watch.watch_progress(engine, BUILT_IN, breakdown_table, Console(file=printed, width=100), check_alive)
    return printed.getvalue()


def test_a_start_with_nothing_due_shows_no_progress(engine: Engine, records: Records, company_id: UUID) -> None:
    records.sessions(company_id, 2, completed_stages=len(BUILT_IN.names))
    assert follow(engine) == "No session is due; the next import starts on schedule.\n"


@pytest.mark.parametrize(
    ("sessions", "heading"), [(0, "The first import starts automatically:"), (2, "Sessions are due:")]
)
def test_the_progress_names_what_it_waits_for(
    engine: Engine, records: Records, company_id: UUID, monkeypatch: pytest.MonkeyPatch, sessions: int, heading: str
) -> None:
    monkeypatch.setattr(watch, "TIMEOUT_SECONDS", 0)
    if sessions:
        records.sessions(company_id, sessions)
    printed = follow(engine).splitlines()
    assert printed[0] == heading
    assert printed[-1] == "Sessions are still due; follow them on the LiveDash page."


def test_a_killed_database_is_named_before_the_processes_that_end_with_it() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="livedash-killed-", ignore_cleanup_errors=True) as directory,
        Processes(Path(directory) / "logs", {}) as processes,
        EmbeddedPostgres(Path(directory) / "postgres") as server,
    ):
        engine = make_engine(server.database("livedash").url())
        up._check_alive(server, processes)
        processes.start("dag-processor", "this_module_does_not_exist")
        with engine.connect() as connection:
            process = psutil.Process(connection.scalar(text("SELECT pg_backend_pid()"))).parent()
        assert process is not None
        process.kill()
        psutil.wait_procs([process], timeout=10)
        with (
            pytest.raises(ConfigurationError, match=f"^PostgreSQL has ended; see {server.log}"),
            up._component_named(lambda: up._check_alive(server, processes)),
            engine.connect() as connection,
        ):
            connection.execute(text("SELECT 1"))
        engine.dispose()


def test_a_server_that_crashed_and_that_nobody_has_reaped_yet_is_left_without_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with (
        tempfile.TemporaryDirectory(prefix="livedash-killed-", ignore_cleanup_errors=True) as directory,
        EmbeddedPostgres(Path(directory) / "postgres") as server,
    ):
        process = server._server.get_postmaster_info().process
        process.kill()
        process.wait(10)
        # What psutil says of a zombie.
        monkeypatch.setattr(process, "is_running", lambda: True)

    assert server.has_ended()


def test_a_component_that_ended_is_named_with_its_log(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    with Processes(tmp_path, {}) as processes:
        processes.start("scheduler", "this_module_does_not_exist")
        while processes.ended() is None:
            pass
        with pytest.raises(
            ConfigurationError, match=f"^Airflow's scheduler has ended; see {processes.log('scheduler')}"
        ):
            up._check_alive(postgres, processes)

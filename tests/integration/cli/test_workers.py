"""`livedash process --workers`: several processes, the same results and limits, and an orderly end."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from functools import partial
from pathlib import Path
from threading import Lock

import pytest
from sqlalchemy import Engine, func, select

from livedash_core.cli.worker_processes import SESSIONS_PER_PROCESS
from livedash_core.models import AiProcessingRequest, ProcessingLease, ProcessingStatus
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import read_breakdown
from tests.bench.model_server import COMPLETION
from tests.fork_server import ForkedProcess
from tests.integration.cli.company_server import CompanyServer
from tests.integration.cli.conftest import CommandLine, Publish
from tests.integration.stages.model_server import Model
from tests.waiting import wait_until

#: Enough for a second process.
MANY = SESSIONS_PER_PROCESS + 60
#: On a busy machine a process takes long to start.
PATIENCE = 150.0
STAGE = "TRANSCRIPT_FETCH"

until = partial(wait_until, seconds=PATIENCE, pause_seconds=0.02)


def owners(engine: Engine) -> dict[int, int]:
    """Process ids of those that hold claims, and the sessions that each of them holds."""
    query = (
        select(ProcessingLease.owner, func.count())
        .join(ProcessingStatus, ProcessingStatus.lease_token == ProcessingLease.token)
        .group_by(ProcessingLease.owner)
    )
    with engine.connect() as connection:
        return {int(owner.rpartition(":")[2]): held for owner, held in connection.execute(query)}


def counts(engine: Engine, stage: str = STAGE) -> Counter[tuple[str, int]]:
    """Sessions by status and attempts."""
    columns = (ProcessingStatus.status, ProcessingStatus.attempts)
    query = select(*columns, func.count()).where(ProcessingStatus.stage == stage).group_by(*columns)
    with engine.connect() as connection:
        return Counter({(status, attempts): number for status, attempts, number in connection.execute(query)})


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


class AtWork:
    """Two processes that fetch transcripts, while the company's server takes half a second for each."""

    def __init__(self, livedash: CommandLine, acme: Publish, engine: Engine, *options: str) -> None:
        self.server: CompanyServer = acme(MANY, pause_after=0, pause_seconds=0.5)
        self.process: ForkedProcess = livedash.start("process", "--json", "--workers", "2", *options)
        until(lambda: len(owners(engine)) == 2, "two processes hold claims")
        (self.worker,) = owners(engine).keys() - {self.process.pid}


def test_two_processes_share_the_sessions_and_the_limits(livedash: CommandLine, acme: Publish, engine: Engine) -> None:
    at_work = AtWork(livedash, acme, engine, "--limit", str(MANY - 20))
    until(lambda: at_work.server.requests["transcript"] >= 8, "all requests that are allowed at once are under way")
    at_work.server.resume.set()
    out, err = livedash.finish(at_work.process, seconds=PATIENCE)

    stages = json.loads(out)["stages"]
    assert [stages[stage]["completed"] for stage in BUILT_IN.names] == [MANY, *[MANY - 20] * 4]
    assert all(report["failed"] == report["released"] == 0 for report in stages.values())
    assert at_work.server.requests == {"csv": 1, "transcript": MANY - 20}
    assert at_work.server.peak <= 8  # LIVEDASH_FETCH_PER_ORIGIN
    assert counts(engine) == {("COMPLETED", 1): MANY - 20, ("PENDING", 0): 20}
    assert err == ""
    assert not is_running(at_work.worker)


def test_two_processes_analyse_each_session_once_within_the_limit_of_calls(
    livedash: CommandLine, acme: Publish, engine: Engine
) -> None:
    acme(MANY)
    lock, under_way, peak = Lock(), 0, 0

    def note(change: int) -> None:
        nonlocal under_way, peak
        with lock:
            under_way += change
            peak = max(peak, under_way)

    def answer() -> None:
        note(1)
        time.sleep(0.005)
        note(-1)

    model = Model(answer)
    model.body = json.dumps(COMPLETION).encode()
    with model:
        with_model = livedash.with_environment(
            {
                "OPENAI_BASE_URL": model.url,
                "LIVEDASH_ANALYZER": "openai",
                "LIVEDASH_MODEL": "bench-model",
                "LIVEDASH_ANALYSIS_CONCURRENCY": "4",
            }
        )
        out, _ = with_model.finish(with_model.start("process", "--workers", "2", "--json"), seconds=PATIENCE)
    printed = json.loads(out)
    assert [report["completed"] for report in printed["stages"].values()] == [MANY] * 5
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(AiProcessingRequest)) == MANY
        breakdown = read_breakdown(connection, BUILT_IN)
    assert [stage["COMPLETED"] for stage in breakdown.stages.values()] == [MANY] * 5
    assert model.posts == MANY
    assert peak <= 4


def test_a_killed_worker_process_is_reported_and_the_rest_goes_on(
    livedash: CommandLine, acme: Publish, engine: Engine
) -> None:
    at_work = AtWork(livedash, acme, engine)
    os.kill(at_work.worker, signal.SIGKILL)
    at_work.server.resume.set()
    out, err = livedash.finish(at_work.process, 1, seconds=PATIENCE)

    printed = json.loads(out)
    assert f"a worker process ({at_work.worker}) was killed by signal 9 (SIGKILL)" in err
    assert [(found["stage"], found["company_id"]) for found in printed["incidents"]] == [(STAGE, None)]
    lost = counts(engine)[("IN_PROGRESS", 1)]
    assert counts(engine) == {("COMPLETED", 1): MANY - lost, ("IN_PROGRESS", 1): lost}
    assert owners(engine) == {at_work.worker: lost}
    assert [printed["stages"][stage]["completed"] for stage in BUILT_IN.names[2:]] == [MANY - lost] * 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_processes_and_releases_what_they_held(
    livedash: CommandLine, acme: Publish, engine: Engine, number: signal.Signals
) -> None:
    at_work = AtWork(livedash, acme, engine)
    # A terminal sends it to both; a supervisor may send it to the command only.
    if number == signal.SIGINT:
        os.kill(at_work.worker, number)
    at_work.process.send_signal(number)
    out, err = livedash.finish(at_work.process, 128 + number, seconds=PATIENCE)

    printed = json.loads(out)
    assert list(printed["stages"]) == ["CSV_IMPORT", STAGE]
    fetched = printed["stages"][STAGE]
    assert fetched["failed"] == 0
    assert fetched["completed"] + fetched["released"] == fetched["claimed"] > 0
    assert printed["incidents"] == []
    assert err == "stopping: releasing unfinished sessions …\n"
    assert counts(engine) == {("COMPLETED", 1): fetched["completed"], ("PENDING", 0): MANY - fetched["completed"]}
    assert not is_running(at_work.worker)


def test_a_worker_process_ends_with_the_command_however_that_ends(
    livedash: CommandLine, acme: Publish, engine: Engine
) -> None:
    at_work = AtWork(livedash, acme, engine)
    at_work.process.kill()
    at_work.process.communicate()
    until(lambda: not is_running(at_work.worker), "the worker process has ended")
    assert owners(engine).keys() <= {at_work.process.pid}
    assert counts(engine).keys() <= {("IN_PROGRESS", 1), ("COMPLETED", 1), ("PENDING", 0)}


@pytest.mark.parametrize(
    ("sessions", "options"), [(SESSIONS_PER_PROCESS, ("--workers", "4")), (MANY, ("--workers", "1"))]
)
def test_no_process_is_started_for_little_work_or_when_one_is_asked_for(
    livedash: CommandLine, acme: Publish, sessions: int, options: tuple[str, ...]
) -> None:
    server = acme(sessions, pause_after=50)
    process = livedash.start("process", "--json", "--stage", "CSV_IMPORT", "--stage", STAGE, *options)
    assert server.paused.wait(PATIENCE)
    assert Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text() == ""
    server.resume.set()
    livedash.finish(process)


def test_a_number_of_workers_below_one_is_wrong_usage(livedash: CommandLine) -> None:
    _, err = livedash("process", "--workers", "0", code=2)
    assert "--workers" in err

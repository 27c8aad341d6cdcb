"""Ctrl-C and SIGTERM while the work is under way: the server holds an answer back until the signal has been sent."""

from __future__ import annotations

import json
import signal

import pytest
from sqlalchemy import Engine, func, select

from livedash_core.cli.interruption import Interruption
from livedash_core.models import ProcessingStatus
from tests.integration.cli.conftest import CommandLine, Publish


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_releases_unfinished_sessions_and_reports_the_others(
    livedash: CommandLine, acme: Publish, engine: Engine, number: signal.Signals
) -> None:
    server = acme(30, pause_after=10)
    process = livedash.with_environment({"LIVEDASH_FETCH_CONCURRENCY": "4"}).start("process", "--json")
    assert server.paused.wait(30)
    process.send_signal(number)
    out, err = livedash.finish(process, 128 + number)

    assert "stopping" in err
    stages = json.loads(out)["stages"]
    assert list(stages) == ["CSV_IMPORT", "TRANSCRIPT_FETCH"]
    fetched = stages["TRANSCRIPT_FETCH"]
    assert (fetched["claimed"], fetched["failed"]) == (30, 0)
    assert fetched["completed"] <= 10
    assert fetched["released"] == 30 - fetched["completed"]
    with engine.connect() as connection:
        states = connection.execute(
            select(ProcessingStatus.status, ProcessingStatus.attempts, func.count())
            .where(ProcessingStatus.stage == "TRANSCRIPT_FETCH")
            .group_by(ProcessingStatus.status, ProcessingStatus.attempts)
        )
        assert {(status, attempts): count for status, attempts, count in states} == {
            ("COMPLETED", 1): fetched["completed"],
            ("PENDING", 0): fetched["released"],
        }


def test_a_second_signal_ends_it_at_once_and_still_releases(
    livedash: CommandLine, acme: Publish, engine: Engine
) -> None:
    server = acme(5, pause_after=0)
    process = livedash.start("process", "--stage", "TRANSCRIPT_FETCH", "--stage", "CSV_IMPORT")
    assert server.paused.wait(30)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(30)
    assert process.returncode in (130, 143), said
    with engine.connect() as connection:
        held = select(func.count()).where(ProcessingStatus.status == "IN_PROGRESS")
        assert connection.scalar(held) == 0


def test_what_fails_after_a_second_signal_is_not_the_reason_of_the_end() -> None:
    def fail_while_it_ends() -> None:
        signal.raise_signal(signal.SIGINT)
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            raise OSError("the connection is closed")

    with pytest.raises(KeyboardInterrupt), Interruption():
        fail_while_it_ends()

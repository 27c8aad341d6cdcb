"""`livedash process --mode batch` and `company add --mode batch`: sent, awaited and collected without Airflow."""

from __future__ import annotations

import signal
import threading

import pytest

from livedash_core.operations.companies import company_id
from tests.integration.cli.conftest import CommandLine
from tests.integration.stages.batch_server import BatchServer, End, all_answered
from tests.integration.stages.batches import MODEL, Batches

JUDGE = ("process", "--stage", "AI_ANALYSIS")


@pytest.fixture
def with_key(livedash: CommandLine, server: BatchServer) -> CommandLine:
    return livedash.with_environment(
        {
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": server.url,
            "LIVEDASH_MODEL": MODEL,
            "LIVEDASH_OPENAI_PRICES": "true",
            "LIVEDASH_BATCH_POLL_SECONDS": "0.1",
        }
    )


def sessions_of(batches: Batches, name: str, number: int) -> None:
    with batches.engine.connect() as connection:
        company = company_id(connection, name)
    batches.sessions(company, number)


def test_a_company_in_batch_mode_is_analysed_in_a_batch_and_others_at_once(
    with_key: CommandLine, batches: Batches, server: BatchServer
):
    with_key("company", "add", "Acme", "--mode", "batch")
    with_key("company", "add", "Globex")
    sessions_of(batches, "Acme", 3)
    sessions_of(batches, "Globex", 2)
    server.ends = [End(output=all_answered, looks=2)]

    report = with_key.json(*JUDGE)["stages"]["AI_ANALYSIS"]

    assert (report["claimed"], report["completed"], report["released"]) == (5, 5, 0)
    assert sorted(call.mode for call in batches.calls()) == ["batch"] * 3 + ["realtime"] * 2
    batches.assert_paid_for(server)


def test_the_option_wins_over_the_company_and_a_limit_over_both(
    with_key: CommandLine, batches: Batches, server: BatchServer
):
    with_key("company", "add", "Acme", "--mode", "batch")
    sessions_of(batches, "Acme", 3)

    with_key(*JUDGE, "--mode", "realtime", "--limit", "1")
    with_key(*JUDGE, "--limit", "1")

    assert [call.mode for call in batches.calls()] == ["realtime", "batch"]
    assert batches.statuses() == {"COMPLETED": 2, "PENDING": 1}


def test_without_a_key_batch_mode_is_analysed_offline_at_once(livedash: CommandLine, batches: Batches):
    livedash("company", "add", "Acme", "--mode", "batch")
    sessions_of(batches, "Acme", 2)

    assert livedash.json(*JUDGE, "--mode", "batch")["stages"]["AI_ANALYSIS"]["completed"] == 2
    assert batches.calls() == []


def test_a_signal_ends_the_waiting_and_not_the_batch(with_key: CommandLine, batches: Batches, server: BatchServer):
    with_key("company", "add", "Acme", "--mode", "batch")
    sessions_of(batches, "Acme", 2)
    looked = threading.Event()
    server.ends = [End(output=all_answered, looks=10_000)]
    server.on_look = lambda _key: looked.set()

    process = with_key.start(*JUDGE)
    assert looked.wait(30)
    process.send_signal(signal.SIGINT)
    _, said = with_key.finish(process, 130)

    assert "batches go on by themselves" in said
    assert batches.statuses() == {"IN_PROGRESS": 2}
    server.batches["batch-0"]["looks"] = 0
    with_key(*JUDGE)
    assert batches.statuses() == {"COMPLETED": 2}
    assert len(server.batches) == 1
    batches.assert_paid_for(server)

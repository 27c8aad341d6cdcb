"""The bill: what the server served is what the ledger holds, and a killed process costs the call it was in."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Engine, insert

from livedash_core.costs.ledger_store import recount, stored_totals
from livedash_core.costs.reports import CostLine, read_costs
from livedash_core.models import Message, Session
from livedash_core.operations.upgrade import upgrade
from tests import fork_server
from tests.integration.records import NOON, Records
from tests.integration.stages.paying_server import MODEL, PayingServer

ANALYSIS = "AI_ANALYSIS"


@pytest.fixture
def server() -> Iterator[PayingServer]:
    with PayingServer() as paying:
        yield paying


def conversations(engine: Engine, records: Records, number: int) -> list[UUID]:
    upgrade(engine)
    company_id = records.company("Acme", model=MODEL, csv_url="https://example.com/x")
    ids = records.sessions(company_id, number, completed_stages=3)
    with engine.begin() as connection:
        times = {"company_id": company_id, "started_at": NOON, "ended_at": NOON}
        connection.execute(insert(Session), [{"id": each, **times} for each in ids])
        said = {"position": 1, "role": "User", "content": "Hoe vraag ik verlof aan?", "sent_at": NOON}
        connection.execute(insert(Message), [{"session_id": each, **said} for each in ids])
    return ids


def process(database_url: str, server: PayingServer, at_once: int) -> int:
    """`livedash process` as a process of its own; returns its exit code."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LIVEDASH_", "OPENAI_"))}
    environment = {
        **kept,
        "LIVEDASH_DATABASE_URL": database_url,
        "LIVEDASH_ANALYSIS_CONCURRENCY": str(at_once),
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": server.url,
        "LIVEDASH_OPENAI_PRICES": "true",
    }
    program = ("livedash", "process", "--stage", ANALYSIS, "--json")
    with fork_server.start(*program, env=environment, stdout=subprocess.DEVNULL) as running:
        server.client = running.pid
        return running.wait(timeout=60)


def costs(engine: Engine) -> CostLine:
    with engine.connect() as connection:
        assert stored_totals(connection) == recount(connection)
        return read_costs(connection).total


def test_the_ledger_holds_what_the_server_billed_to_the_last_digit(
    engine: Engine, database_url: str, records: Records, server: PayingServer
) -> None:
    conversations(engine, records, 40)
    assert process(database_url, server, at_once=8) == 0
    total = costs(engine)
    assert server.posts == total.requests == total.answered == 40
    assert total.prompt_tokens + total.completion_tokens == server.tokens
    assert total.cost_usd == server.billed_usd


def test_a_process_that_is_killed_between_reply_and_commit_costs_no_more_than_that_call(
    engine: Engine, database_url: str, records: Records, server: PayingServer
) -> None:
    ids = conversations(engine, records, 6)
    for moment in (1, 3, 6):
        server.kill_after = moment
        assert process(database_url, server, at_once=1) == -signal.SIGKILL
        records.expire_leases()
    server.kill_after = None
    assert process(database_url, server, at_once=1) == 0

    assert {records.row(each, ANALYSIS).status for each in ids} == {"COMPLETED"}
    assert len(ids) <= server.posts <= len(ids) + 3
    total = costs(engine)
    # Every post is on record; those whose reply was lost have no cost, and are said to be missing.
    assert total.requests == server.posts
    assert total.sent == server.posts - total.answered
    assert total.reused >= len(ids) - total.answered
    assert total.cost_usd <= server.billed_usd <= total.cost_usd + total.uncertain_usd

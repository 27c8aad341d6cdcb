"""Analysed sessions without an outcome are queued once, newest first, in scope, and an interrupted call continues."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, insert, text, update

from livedash_core.db import make_engine
from livedash_core.models import Company, Session
from livedash_core.operations import reanalysis
from livedash_core.operations.reanalysis import STAGE, analyse_again, find_analysed
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ProcessingStatusManager, Scope
from tests.integration.records import NOON, Records
from tests.integration.status.locks import is_blocked


def analysed(records: Records, company_id: UUID, number: int, **columns: Any) -> list[UUID]:
    ids = records.sessions(company_id, number, completed_stages=5)
    row = {"company_id": company_id, "started_at": NOON, "ended_at": NOON, "analyzed_at": NOON, **columns}
    with records.engine.begin() as connection:
        connection.execute(insert(Session), [{"id": session_id, **row} for session_id in ids])
    return ids


def test_sessions_without_an_outcome_are_found_in_scope(
    records: Records, company_id: UUID, engine: Engine, connection: Connection
) -> None:
    new = analysed(records, company_id, 2, prompt_version="1")
    old = analysed(records, company_id, 1, prompt_version="2", started_at=NOON - timedelta(days=3))
    done = analysed(records, company_id, 2, prompt_version="2", outcome="UNKNOWN")
    other = analysed(records, records.company("Other"), 1, prompt_version="1")
    analysed(records, company_id, 1, analyzed_at=None)
    acme = Scope(company_ids=(company_id,))

    assert find_analysed(connection, Scope()) == [*other, *sorted(new, reverse=True), *old]
    assert find_analysed(connection, acme) == [*sorted(new, reverse=True), *old]
    assert find_analysed(connection, acme, limit=1) == [max(new)]
    assert find_analysed(connection, Scope(company_ids=(company_id,), started_before=NOON)) == old
    assert find_analysed(connection, acme, versions=["2"]) == [*sorted(done, reverse=True), *old]
    with engine.begin() as writing:
        writing.execute(update(Company).where(Company.id == company_id).values(status="SUSPENDED"))
    assert find_analysed(connection, acme) == []


def test_a_queued_session_is_not_queued_again_and_an_interrupted_call_continues(
    records: Records, company_id: UUID, engine: Engine, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reanalysis, "CHUNK_SESSIONS", 2)
    ids = analysed(records, company_id, 5)
    found = find_analysed(connection, Scope())
    assert analyse_again(engine, found[:2], BUILT_IN) == 2  # it was interrupted after the first chunk

    rest = find_analysed(connection, Scope())
    assert sorted(rest) == sorted(set(ids) - set(found[:2]))
    assert analyse_again(engine, rest, BUILT_IN) == 3
    assert find_analysed(connection, Scope()) == []
    for session_id in ids:
        records.assert_stage(session_id, "AI_ANALYSIS", "PENDING")
        records.assert_stage(session_id, "SESSION_CREATION", "COMPLETED")
    records.assert_counts_equal_rows()


@pytest.mark.parametrize("versions", [None, ["1"]])
@pytest.mark.parametrize("reached", ["PENDING", "IN_PROGRESS", "COMPLETED"])
def test_what_another_call_queued_meanwhile_is_not_queued_again(
    records: Records, company_id: UUID, engine: Engine, database_url: str, versions: list[str] | None, reached: str
) -> None:
    """Otherwise a batch would lose its claim, and the analysis be paid twice."""
    queued, left = analysed(records, company_id, 2, prompt_version="1")
    single = make_engine(database_url, pool_size=1)  # so that the process that waits is known
    with single.connect() as connection:
        process = connection.scalar(text("SELECT pg_backend_pid()"))
        found = find_analysed(connection, Scope(), versions=versions)
    assert sorted(found) == sorted([queued, left])
    with engine.connect() as other, ThreadPoolExecutor(1) as thread:
        manager = ProcessingStatusManager(other)
        assert manager.reopen(STAGE, [queued]) == [queued]
        if reached != "PENDING":
            token = manager.start_stage(queued, STAGE)
        if reached == "COMPLETED":
            manager.complete_stage(queued, STAGE, token)
            other.execute(update(Session).where(Session.id == queued).values(outcome="UNKNOWN", prompt_version="2"))
        again = thread.submit(analyse_again, single, found, BUILT_IN, versions=versions)
        while not (again.done() or is_blocked(other, process)):
            pass
        other.commit()
        assert again.result() == 1
    single.dispose()
    records.assert_stage(queued, STAGE, reached)
    records.assert_stage(left, STAGE, "PENDING")
    records.assert_counts_equal_rows()

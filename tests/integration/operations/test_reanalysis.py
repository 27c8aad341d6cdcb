"""Analysed sessions without an outcome are queued once, newest first, in scope, and an interrupted call continues."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Connection, Engine, insert, update

from livedash_core.models import Company, Session
from livedash_core.operations import reanalysis
from livedash_core.operations.reanalysis import analyse_again, find_analysed
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Scope
from tests.integration.records import NOON, Records


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

"""The number of due sessions equals what a claim would take."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.status import ProcessingStatusManager, Scope
from livedash_core.status.due import count_due
from tests.integration.records import NOON, Records

STAGE = "TRANSCRIPT_FETCH"
DAY = timedelta(days=1)


@pytest.fixture
def sessions(connection: Connection, records: Records) -> dict[str, list[UUID]]:
    """Due sessions of two companies and three days, and sessions that are not due for each possible reason."""
    acme, beta = records.company("Acme"), records.company("Beta")
    found = {
        "acme": records.sessions(acme, 3),
        "acme, the day after": records.sessions(acme, 2, started_at=NOON + DAY),
        "acme, without a start": records.sessions(acme, 1, started_at=None),
        "beta": records.sessions(beta, 4),
        "suspended": records.sessions(records.company("Gone", status="SUSPENDED"), 1),
        "waiting": records.sessions(acme, 1, completed_stages=0),
        "done": records.sessions(acme, 1, completed_stages=2),
        "failed": records.sessions(acme, 1),
        "held": records.sessions(acme, 1),
        "backing off": records.sessions(acme, 1),
        "abandoned": records.sessions(beta, 1),
    }
    manager = ProcessingStatusManager(connection)
    manager.start_stage(*found["held"], STAGE)
    manager.fail_stage(*found["failed"], STAGE, manager.start_stage(*found["failed"], STAGE), "gone")
    token = manager.start_stage(*found["backing off"], STAGE)
    manager.fail_stage(*found["backing off"], STAGE, token, "busy", kind="transient")
    # Last: any claim after it would take notice of the expired lease.
    manager.start_stage(*found["abandoned"], STAGE, lease_seconds=-1)
    return found


def test_the_due_count_equals_what_a_claim_takes_for_every_scope(connection, records, sessions):
    acme = records.row(sessions["acme"][0], STAGE).company_id
    beta = records.row(sessions["beta"][0], STAGE).company_id
    every_id = tuple(one for ids in sessions.values() for one in ids)
    scopes = {
        Scope(): 11,
        Scope(company_ids=(acme,)): 6,
        Scope(company_ids=(beta,)): 5,
        Scope(started_from=NOON + DAY): 2,
        Scope(started_before=NOON + DAY): 8,
        Scope(started_from=NOON, started_before=NOON + DAY, company_ids=(acme,)): 3,
        Scope(session_ids=every_id): 11,
        Scope(session_ids=(*sessions["acme, the day after"], *sessions["suspended"])): 2,
        Scope(company_ids=()): 0,
    }

    assert {scope: count_due(connection, STAGE, scope, at_most=100) for scope in scopes} == scopes
    for scope, number in scopes.items():
        claim = ProcessingStatusManager(connection).claim(STAGE, 100, scope)
        assert len(claim.attempts) == number, scope
        ProcessingStatusManager(connection).release(claim.token)


def test_counting_stops_at_the_limit(connection, sessions):
    assert count_due(connection, STAGE, Scope(), at_most=5) == 5
    assert count_due(connection, "AI_ANALYSIS", Scope(), at_most=5) == 0

"""Throughput, durations and queue age of each stage, from the count deltas and from the folded counts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from livedash_core.pipeline import BUILT_IN
from livedash_core.status import ProcessingStatusManager, activity, fold
from tests.integration.records import Records

IMPORT, FETCH, CREATE = BUILT_IN.names[:3]


def _settle(connection: Connection, sessions: int, held_seconds: float) -> list[UUID]:
    """Sessions that completed TRANSCRIPT_FETCH after being held for this time."""
    manager = ProcessingStatusManager(connection)
    claim = manager.claim(FETCH, sessions)
    assert len(claim.attempts) == sessions
    connection.execute(
        text(
            "UPDATE livedash.session_processing_status SET started_at = now() - make_interval(secs => :held) "
            "WHERE lease_token = :token"
        ),
        {"held": held_seconds, "token": claim.token},
    )
    return manager.complete(FETCH, claim.token, dict.fromkeys(claim.attempts))


def _hours_pass(connection: Connection, hours: int) -> None:
    for table in ("session_processing_activity", "session_processing_delta"):
        connection.execute(text(f"UPDATE livedash.{table} SET slot = slot - make_interval(hours => {hours})"))


@pytest.mark.parametrize("folded", [False, True])
def test_throughput_and_durations_are_right_within_a_tenth(
    records: Records, company_id: UUID, connection: Connection, folded: bool
) -> None:
    records.sessions(company_id, 100)
    for sessions, held in ((90, 2.0), (10, 60.0)):
        _settle(connection, sessions, held)
    if folded:
        fold(connection)
        fold(connection)

    found = activity(connection, BUILT_IN)[FETCH]

    assert found.p50_seconds == pytest.approx(2.0, rel=0.1)
    assert found.p95_seconds == pytest.approx(60.0, rel=0.1)
    assert found.last_day == (0,) * 23 + (100,)
    # The window is ten to twenty minutes long.
    assert 5.0 <= found.per_minute <= 10.0


def test_folding_twice_adds_to_what_is_there(records: Records, company_id: UUID, connection: Connection) -> None:
    records.sessions(company_id, 20)
    for _ in range(2):
        _settle(connection, 10, 2.0)
        fold(connection)

    assert activity(connection, BUILT_IN)[FETCH].last_day[-1] == 20
    # One slot, or two when a slot ended meanwhile; not a row per fold and company.
    rows: Mapping[str, int] = dict(
        connection.execute(
            text(
                "SELECT stage, count(*) FROM livedash.session_processing_activity "
                "WHERE company_id IS NOT NULL GROUP BY stage"
            )
        ).all()  # type: ignore[arg-type] # a row is a pair
    )
    assert rows.keys() == {IMPORT, FETCH}
    assert max(rows.values()) <= 2


def test_the_last_24_hours_are_counted_by_hour_and_older_ones_deleted(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    records.sessions(company_id, 30)
    for hours in (24, 5, 0):
        _settle(connection, 10, 2.0)
        fold(connection)
        _hours_pass(connection, hours)

    # Set back 29, 5 and 0 hours.
    found = activity(connection, BUILT_IN)[FETCH]
    assert sum(found.last_day) == 20
    assert sum(found.last_day[18:20]) == 10
    assert found.last_day[-1] == 10
    fold(connection)
    kept = connection.scalar(
        text(
            "SELECT array_agg(DISTINCT sessions) FROM ("
            "SELECT sum(sessions) AS sessions FROM livedash.session_processing_activity WHERE stage = :stage "
            "GROUP BY company_id IS NULL) AS kept"
        ),
        {"stage": FETCH},
    )
    assert kept == [20]


@pytest.mark.parametrize("folded", [False, True])
def test_activity_is_counted_per_company_and_without_failures(
    records: Records, connection: Connection, folded: bool
) -> None:
    acme, other = records.company("Acme"), records.company("Other")
    records.sessions(acme, 3)
    (failing,) = records.sessions(other, 1)
    manager = ProcessingStatusManager(connection)
    manager.fail_stage(failing, FETCH, manager.start_stage(failing, FETCH), "no")
    _settle(connection, 3, 1.0)
    if folded:
        fold(connection)

    def finished(stage: str, *companies: UUID) -> int:
        return sum(activity(connection, BUILT_IN, companies or None)[stage].last_day)

    assert finished(FETCH, acme) == finished(FETCH) == finished(FETCH, acme, other) == 3
    assert finished(FETCH, other) == 0
    assert finished(IMPORT, other) == 1
    assert finished(IMPORT) == finished(IMPORT, acme, other) == 4


def test_sessions_initialized_as_completed_count_without_a_duration(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    records.sessions(company_id, 3)

    found = activity(connection, BUILT_IN)[IMPORT]

    assert (found.last_day[-1], found.p50_seconds, found.p95_seconds) == (3, None, None)


def test_the_queue_age_is_that_of_sessions_that_could_be_claimed(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    first, second, third = records.sessions(company_id, 3)
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    for session, since in ((first, moment + timedelta(days=1)), (second, moment)):
        connection.execute(
            text(
                "UPDATE livedash.session_processing_status SET available_at = :since "
                "WHERE session_id = :session AND stage = :stage"
            ),
            {"since": since, "session": session, "stage": FETCH},
        )

    found = activity(connection, BUILT_IN)
    assert found[FETCH].oldest_waiting_since == moment
    assert found[CREATE].oldest_waiting_since is None

    manager = ProcessingStatusManager(connection)
    manager.start_stage(second, FETCH)
    assert activity(connection, BUILT_IN)[FETCH].oldest_waiting_since == moment + timedelta(days=1)
    for session in (first, third):
        manager.start_stage(session, FETCH)
    assert activity(connection, BUILT_IN)[FETCH].oldest_waiting_since is None


def test_a_company_that_is_not_active_has_no_queue_age(records: Records, connection: Connection) -> None:
    records.sessions(records.company("Gone", status="SUSPENDED"), 1)

    assert activity(connection, BUILT_IN)[FETCH].oldest_waiting_since is None

"""FAILED sessions are counted by reason, exactly, also when they are retried, reopened or fail again."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import Connection, text

from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope, fold
from livedash_core.status.failure_groups import (
    FailureGroup,
    list_failure_groups,
    list_failure_groups_in_window,
    recount_failures,
)
from tests.integration.records import NOON, Records

FETCH = BUILT_IN.names[1]


def fail(connection: Connection, session_ids: list[UUID], message: str, kind: str = "permanent") -> None:
    manager = ProcessingStatusManager(connection, max_attempts=1)
    claim = manager.claim(FETCH, len(session_ids), Scope(session_ids=tuple(session_ids)))
    failures = [Failure(key, kind, message.format(number)) for number, key in enumerate(session_ids)]
    manager.fail(FETCH, claim.token, failures)


def groups(connection: Connection) -> list[FailureGroup]:
    found = list_failure_groups(connection)
    assert {group[:3]: group.sessions for group in found} == recount_failures(connection)
    return found


def test_equivalent_messages_are_one_group_per_stage_and_kind(records: Records, connection: Connection) -> None:
    acme, umbrella = records.company("Acme"), records.company("Umbrella")
    fail(connection, records.sessions(acme, 3), "LV-{} is gone")
    fail(connection, records.sessions(umbrella, 4), "LV-{} is gone")
    fail(connection, records.sessions(acme, 2), "LV-{} is gone", "transient")
    fail(connection, records.sessions(acme, 1), "something else")

    found = groups(connection)

    assert [(group.error_kind, group.error_group, group.sessions, group.company_ids) for group in found] == [
        ("permanent", "<id> is gone", 7, (umbrella, acme)),
        ("transient", "<id> is gone", 2, (acme,)),
        ("permanent", "something else", 1, (acme,)),
    ]
    assert all(group.stage == FETCH and group.first_seen_at <= group.last_seen_at for group in found)
    assert [group.sessions for group in list_failure_groups(connection, [umbrella])] == [4]
    assert list_failure_groups(connection, stage=BUILT_IN.names[2]) == []


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize("way_out", ["reset_failed", "reopen", "reopen all"])
def test_sessions_leave_their_group_when_they_are_retried(
    records: Records, company_id: UUID, connection: Connection, way_out: str, folded: bool
) -> None:
    ids = records.sessions(company_id, 3)
    fail(connection, ids, "no")
    if folded:
        fold(connection)
    manager = ProcessingStatusManager(connection)
    if way_out == "reset_failed":
        manager.reset_failed(Scope(session_ids=tuple(ids[:1])))
    else:
        manager.reopen(FETCH if way_out == "reopen" else BUILT_IN.names[0], ids[:1])
    fold(connection)

    assert [group.sessions for group in groups(connection)] == [2]


def test_final_lease_expiries_are_one_group_for_all_owners(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    ids = records.sessions(company_id, 2)
    manager = ProcessingStatusManager(connection, max_attempts=1)
    for number, session_id in enumerate(ids):
        manager.claim(FETCH, 1, Scope(session_ids=(session_id,)), owner=f"host-{number}:17")
    records.expire_leases()
    manager.claim(FETCH, 1)

    (group,) = groups(connection)
    assert (group.error_kind, group.error_group, group.sessions) == (
        "lease_expired",
        "the worker stopped without settling its claim",
        2,
    )


def test_a_transient_failure_that_will_be_retried_is_in_no_group(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    (session_id,) = records.sessions(company_id, 1)
    manager = ProcessingStatusManager(connection)
    manager.fail_stage(session_id, FETCH, manager.start_stage(session_id, FETCH), "busy", kind="transient")

    assert groups(connection) == []


def test_a_group_that_was_empty_starts_with_new_times(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    ids = records.sessions(company_id, 1)
    fail(connection, ids, "no")
    fold(connection)
    (first,) = groups(connection)
    ProcessingStatusManager(connection).reset_failed(Scope())
    fold(connection)
    fail(connection, ids, "no")
    fold(connection)

    (second,) = groups(connection)
    assert (second.sessions, second.first_seen_at > first.last_seen_at) == (1, True)


def test_the_days_of_the_last_month_are_counted_and_stay_when_sessions_are_retried(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    ids = records.sessions(company_id, 5)
    today = connection.scalar(text("SELECT CAST(CURRENT_DATE AS text)"))
    fail(connection, ids[:2], "no")
    for ago in (1, 1, 40):
        fail(connection, [ids.pop()], "no")
        connection.execute(text(f"UPDATE livedash.session_failure_delta SET seen_at = seen_at - interval '{ago} days' "
                                "WHERE id = (SELECT max(id) FROM livedash.session_failure_delta)"))  # fmt: skip
    yesterday, long_ago = connection.execute(
        text("SELECT CAST(CURRENT_DATE - 1 AS text), CAST(CURRENT_DATE - 40 AS text)")
    ).one()

    (group,) = groups(connection)
    assert group.days == {long_ago: 1, yesterday: 2, today: 2}
    fold(connection)
    ProcessingStatusManager(connection).reset_failed(Scope(session_ids=tuple(ids[:1])))
    fail(connection, ids[:1], "no")
    (group,) = groups(connection)
    assert (group.sessions, group.days) == (5, {long_ago: 1, yesterday: 2, today: 3})
    fold(connection)
    (group,) = groups(connection)
    assert group.days == {yesterday: 2, today: 3}


def test_a_window_has_the_failures_of_the_sessions_that_started_in_it(
    records: Records, company_id: UUID, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = records.company("Other")
    fail(connection, records.sessions(company_id, 1) + records.sessions(other, 2), "LV-{} is gone")
    fail(connection, records.sessions(company_id, 1), "another", "transient")
    fail(connection, records.sessions(company_id, 4, started_at=NOON + timedelta(days=2)), "LV-{} is gone")
    window = Scope(started_from=NOON, started_before=NOON + timedelta(days=1))

    found = list_failure_groups_in_window(connection, window)
    assert found is not None
    assert [(group.error_group, group.sessions, group.company_ids) for group in found] == [
        ("<id> is gone", 3, (other, company_id)),
        ("another", 1, (company_id,)),
    ]
    assert [list(group.days.values()) for group in found] == [[3], [1]]
    assert list_failure_groups_in_window(connection, Scope(started_from=NOON + timedelta(days=9))) == []
    monkeypatch.setattr("livedash_core.status.failure_groups.MAX_WINDOW_SESSIONS", 3)
    assert list_failure_groups_in_window(connection, window) is None


def test_folding_changes_nothing_visible(records: Records, company_id: UUID, connection: Connection) -> None:
    fail(connection, records.sessions(company_id, 3), "LV-{} is gone")
    before = groups(connection)
    fold(connection)
    fold(connection)

    assert groups(connection) == before

"""FAILED sessions are counted by reason, exactly, also when they are retried, reopened or fail again."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope, fold
from livedash_core.status.failure_groups import FailureGroup, list_failure_groups, recount_failures
from tests.integration.records import Records

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


def test_folding_changes_nothing_visible(records: Records, company_id: UUID, connection: Connection) -> None:
    fail(connection, records.sessions(company_id, 3), "LV-{} is gone")
    before = groups(connection)
    fold(connection)
    fold(connection)

    assert groups(connection) == before

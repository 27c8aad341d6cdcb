"""Invalid input raises a named error that identifies it, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection

from livedash_core.errors import LeaseLost, UnknownSession, UnknownStage, UsageError
from livedash_core.status import Failure, ProcessingStatusManager, Scope
from tests.integration.records import Records

FETCH = "TRANSCRIPT_FETCH"
Manager = ProcessingStatusManager


@pytest.fixture
def manager(connection: Connection) -> Manager:
    return ProcessingStatusManager(connection)


@pytest.fixture
def session(records: Records, company_id: UUID) -> UUID:
    return records.sessions(company_id, 1)[0]


@pytest.mark.parametrize(
    ("kind", "retry_after", "message"),
    [
        ("systemic", None, "cannot fail as 'systemic'"),
        ("lease_expired", None, "cannot fail as 'lease_expired'"),
        ("transient", float("inf"), "cannot be retried after inf seconds"),
        ("transient", float("nan"), "cannot be retried after nan seconds"),
    ],
)
def test_an_invalid_failure_is_refused(
    records: Records, manager: Manager, session: UUID, kind: str, retry_after: float | None, message: str
) -> None:
    token = manager.start_stage(session, FETCH)

    with pytest.raises(UsageError, match=f"session {session} {message}"):
        manager.fail(FETCH, token, [Failure(session, kind, "no", retry_after)])
    records.assert_stage(session, FETCH, "IN_PROGRESS")


@pytest.mark.parametrize("metadata", [{"a": float("nan")}, {"a": {1, 2}}, {"a": "\x00"}, {"a": "\ud800"}])
def test_metadata_that_jsonb_refuses_is_refused(
    records: Records, manager: Manager, session: UUID, metadata: dict[str, object]
) -> None:
    token = manager.start_stage(session, FETCH)

    with pytest.raises(UsageError, match=f"the metadata of session {session}"):
        manager.complete_stage(session, FETCH, token, metadata)
    records.assert_stage(session, FETCH, "IN_PROGRESS")


def test_metadata_is_read_as_it_was_written(records: Records, manager: Manager, session: UUID) -> None:
    metadata = {"a": "\\u0000 'é' \"😀\"", "b": [1, None, {"c": True}]}
    manager.complete_stage(session, FETCH, manager.start_stage(session, FETCH), metadata)

    assert records.row(session, FETCH).metadata == metadata


def test_a_skip_reason_is_redacted_like_an_error_message(records: Records, manager: Manager, session: UUID) -> None:
    manager.skip_stage(session, FETCH, manager.start_stage(session, FETCH), "GET https://a:hunter2@b/\x00 is empty")

    assert records.row(session, FETCH).metadata == {"reason": "GET https://***@b/ is empty"}


@pytest.mark.parametrize(
    "ask",
    [
        lambda manager: manager.claim(FETCH, 0),
        lambda manager: manager.get_sessions_needing_processing(FETCH, -1),
        lambda manager: manager.get_failed_sessions(limit=-1),
    ],
)
def test_a_negative_limit_is_refused(manager: Manager, ask: Callable[[Manager], object]) -> None:
    with pytest.raises(UsageError, match=r"cannot (claim|list) -?\d sessions"):
        ask(manager)


@pytest.mark.parametrize(
    "ask",
    [
        lambda manager, session: manager.claim("LUNCH", 1),
        lambda manager, session: manager.complete("LUNCH", uuid4(), {session: None}),
        lambda manager, session: manager.fail("LUNCH", uuid4(), [Failure(session, "permanent", "no")]),
        lambda manager, session: manager.reopen("LUNCH", [session]),
        lambda manager, session: manager.reset_failed(Scope(stages=("LUNCH",))),
        lambda manager, session: manager.has_completed_stage(session, "LUNCH"),
        lambda manager, session: manager.is_ready_for_stage(session, "LUNCH"),
    ],
)
def test_an_unknown_stage_is_refused(manager: Manager, session: UUID, ask: Callable[[Manager, UUID], object]) -> None:
    with pytest.raises(UnknownStage, match="no stage 'LUNCH'; the stages are CSV_IMPORT"):
        ask(manager, session)


def test_an_unknown_session_is_refused(manager: Manager) -> None:
    stranger = uuid4()
    for ask in (
        lambda: manager.start_stage(stranger, FETCH),
        lambda: manager.get_session_status(stranger),
        lambda: manager.reset_stage_for_retry(stranger, FETCH),
    ):
        with pytest.raises(UnknownSession, match=str(stranger)):
            ask()


def test_an_unknown_token_changes_nothing(records: Records, manager: Manager, session: UUID) -> None:
    manager.start_stage(session, FETCH)
    for ask in (
        lambda: manager.complete_stage(session, FETCH, uuid4()),
        lambda: manager.skip_stage(session, FETCH, uuid4(), "no"),
        lambda: manager.fail_stage(session, FETCH, uuid4(), "no"),
    ):
        with pytest.raises(LeaseLost, match=f"the lease on {FETCH} of session {session} is lost"):
            ask()
    records.assert_stage(session, FETCH, "IN_PROGRESS")

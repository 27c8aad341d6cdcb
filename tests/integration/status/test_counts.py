"""The breakdown is exact after each verb, and separates due sessions from those that wait for an earlier stage."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection

from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Breakdown, ProcessingStatusManager, Scope
from tests.integration.records import Records, pipeline_with
from tests.new_sessions import initialize_new

FETCH, CREATE = "TRANSCRIPT_FETCH", "SESSION_CREATION"
Verb = Callable[[Records, ProcessingStatusManager, UUID], object]


def _fail(manager: ProcessingStatusManager, session: UUID) -> None:
    manager.fail_stage(session, FETCH, manager.start_stage(session, FETCH), "no")


def _fail_and_reset(_records: Records, manager: ProcessingStatusManager, session: UUID) -> object:
    _fail(manager, session)
    return manager.reset_failed(Scope())


def _fail_and_skip(_records: Records, manager: ProcessingStatusManager, session: UUID) -> object:
    _fail(manager, session)
    return manager.skip_failed(Scope(), "not worth it", "Ann")


def _expire(records: Records, manager: ProcessingStatusManager, session: UUID) -> object:
    manager.start_stage(session, FETCH)
    records.expire_leases()
    return manager.claim(CREATE, 1), manager.claim(FETCH, 1)


def _add_a_stage(records: Records, _: ProcessingStatusManager, session: UUID) -> object:
    owner = {session: records.row(session, FETCH).company_id}
    return records.initialize(owner, pipeline_with("TRANSLATION", after=BUILT_IN.first))


VERBS: dict[str, Verb] = {
    "initialize": lambda records, manager, session: None,
    "claim": lambda records, manager, session: manager.start_stage(session, FETCH),
    "settle": lambda records, manager, session: manager.complete(
        FETCH, manager.start_stage(session, FETCH), {session: None}
    ),
    "fail": lambda records, manager, session: _fail(manager, session),
    "release": lambda records, manager, session: manager.release(manager.start_stage(session, FETCH)),
    "reclaim": _expire,
    "reset_failed": _fail_and_reset,
    "skip_failed": _fail_and_skip,
    "reopen": lambda records, manager, session: manager.reopen(BUILT_IN.names[0], [session]),
    "realign": _add_a_stage,
    "initialize_new": lambda records, manager, session: initialize_new(
        records.engine, records.row(session, FETCH).company_id, [uuid4()]
    ),
}


@pytest.mark.parametrize("verb", VERBS)
def test_the_counts_equal_a_recount_after(
    records: Records, company_id: UUID, connection: Connection, verb: str
) -> None:
    (session,) = records.sessions(company_id, 1)
    VERBS[verb](records, ProcessingStatusManager(connection), session)

    records.assert_counts_equal_rows(pipeline_with("TRANSLATION", after=BUILT_IN.first))


def test_sessions_that_wait_for_an_earlier_stage_are_counted_separately(
    records: Records, company_id: UUID, connection: Connection
) -> None:
    """A stage in the middle is added after all sessions have finished: none waits behind it, whatever the sums are."""
    done, half = records.sessions(company_id, 1, completed_stages=5) + records.sessions(
        company_id, 1, completed_stages=2
    )
    longer = pipeline_with("TRANSLATION", after=BUILT_IN.names[1])
    manager = ProcessingStatusManager(connection, pipeline=longer)

    def ready_and_waiting(breakdown: Breakdown) -> dict[str, tuple[int, int]]:
        return {stage: (breakdown.ready(stage), breakdown.waiting(stage)) for stage in ("TRANSLATION", CREATE)}

    assert ready_and_waiting(manager.get_pipeline_status()) == {"TRANSLATION": (0, 0), CREATE: (1, 0)}
    records.initialize(dict.fromkeys([done, half], company_id), longer)
    assert ready_and_waiting(manager.get_pipeline_status()) == {"TRANSLATION": (2, 0), CREATE: (0, 1)}
    claim = manager.claim("TRANSLATION", 2)
    manager.complete("TRANSLATION", claim.token, dict.fromkeys(claim.attempts))
    assert ready_and_waiting(manager.get_pipeline_status()) == {"TRANSLATION": (0, 0), CREATE: (1, 0)}

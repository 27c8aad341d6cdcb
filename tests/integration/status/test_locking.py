"""Locking: each of these tests needs two connections that compete for the same rows."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

import pytest
from sqlalchemy import Engine, text
from uuid6 import uuid7

from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope, fold, read_breakdown
from tests.integration.records import NOON, Records
from tests.integration.status.locks import impatient, locked_row, locked_rows, sessions_stored_backwards, waiting

FETCH, CREATE = "TRANSCRIPT_FETCH", "SESSION_CREATION"


def test_claiming_waits_for_no_lock(records: Records, company_id: UUID, engine: Engine) -> None:
    records.sessions(company_id, 2)
    with engine.begin() as other, impatient(engine) as connection:
        theirs = ProcessingStatusManager(other).claim(FETCH, 1)
        ours = ProcessingStatusManager(connection).claim(FETCH, 2)

    assert len(ours.attempts) == 1
    assert not ours.attempts.keys() & theirs.attempts.keys()


@pytest.mark.parametrize("scope", ["window", "sessions"])
def test_claiming_within_a_scope_waits_for_no_lock(
    records: Records, company_id: UUID, engine: Engine, scope: str
) -> None:
    sessions = records.sessions(company_id, 2)
    within = Scope(started_from=NOON) if scope == "window" else Scope(session_ids=tuple(sessions))
    with locked_row(engine, (sessions[0], FETCH)), impatient(engine) as connection:
        assert ProcessingStatusManager(connection).claim(FETCH, 2, within).attempts == {sessions[1]: 1}


@pytest.mark.parametrize(
    "verb", ["complete", "fail", "release", "reclaim", "reset_failed", "skip_failed", "reopen", "erase"]
)
def test_rows_are_locked_in_one_order(records: Records, company_id: UUID, engine: Engine, verb: str) -> None:
    """Verbs lock by stage in the order of the pipeline, then by session, so that two never deadlock."""
    sessions = sessions_stored_backwards(engine, company_id, 3)
    backwards = sessions[::-1]
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        token = manager.claim(FETCH, 3).token
        if verb in ("reset_failed", "skip_failed"):
            manager.fail(FETCH, token, [Failure(session, "permanent", "no") for session in sessions])
    if verb == "reclaim":
        records.expire_leases()
    verbs: dict[str, Callable[[ProcessingStatusManager], object]] = {
        "complete": lambda manager: manager.complete(FETCH, token, dict.fromkeys(backwards)),
        "fail": lambda manager: manager.fail(FETCH, token, [Failure(key, "permanent", "no") for key in backwards]),
        "release": lambda manager: manager.release(token, backwards),
        "reclaim": lambda manager: manager.claim(FETCH, 3),
        "reset_failed": lambda manager: manager.reset_failed(Scope(session_ids=tuple(backwards))),
        "skip_failed": lambda manager: manager.skip_failed(Scope(session_ids=tuple(backwards)), "gone", "Ann"),
        "reopen": lambda manager: manager.reopen(FETCH, backwards),
        "erase": lambda manager: manager.erase(backwards),
    }
    of_stages = {"reopen": BUILT_IN.names, "erase": BUILT_IN.names, "skip_failed": (FETCH, CREATE)}
    stages = of_stages.get(verb, (FETCH,))
    order = [(session, stage) for stage in stages for session in sessions]
    middle = order.index((sessions[1], FETCH))

    with locked_row(engine, order[middle]) as other, waiting(engine, verbs[verb]):
        locked = locked_rows(engine)
        other.rollback()
    assert locked == set(order[: middle + 1])
    records.assert_counts_equal_rows()


def test_a_stage_reopened_behind_an_open_one_waits_for_it(records: Records, company_id: UUID, engine: Engine) -> None:
    (session,) = records.sessions(company_id, 1)
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        assert manager.reopen(CREATE, [session]) == [session]
        assert manager.claim(CREATE, 1).attempts == {}
    records.assert_counts_equal_rows()


def test_reopening_sees_a_previous_stage_that_is_settled_while_it_waits(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    """Otherwise the stage would wait for a finished one, and never become due."""
    (session,) = records.sessions(company_id, 1)
    with engine.connect() as other:
        holder = ProcessingStatusManager(other)
        token = holder.start_stage(session, FETCH)
        other.commit()
        holder.complete_stage(session, FETCH, token)
        with waiting(engine, lambda manager: manager.reopen(CREATE, [session])) as reopened:
            other.commit()
        assert reopened.result() == [session]
        assert holder.claim(CREATE, 1).attempts == {session: 1}
        other.commit()
    records.assert_counts_equal_rows()


def test_reopening_resets_a_stage_that_is_settled_while_it_waits(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    (session,) = records.sessions(company_id, 1)
    with engine.connect() as other:
        holder = ProcessingStatusManager(other)
        token = holder.start_stage(session, FETCH)
        other.commit()
        holder.complete_stage(session, FETCH, token)
        with waiting(engine, lambda manager: manager.reopen(FETCH, [session])) as reopened:
            other.commit()

    assert reopened.result() == [session]
    records.assert_stage(session, FETCH, "PENDING")
    records.assert_counts_equal_rows()


def test_a_session_that_is_retried_while_a_person_skips_it_is_not_skipped(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    (session,) = records.sessions(company_id, 1)
    with engine.connect() as other:
        manager = ProcessingStatusManager(other)
        manager.fail_stage(session, FETCH, manager.start_stage(session, FETCH), "gone")
        other.commit()
        manager.reset_failed(Scope())
        with waiting(engine, lambda manager: manager.skip_failed(Scope(), "gone", "Ann")) as skipped:
            other.commit()

    assert skipped.result() == {}
    records.assert_stage(session, FETCH, "PENDING")
    records.assert_counts_equal_rows()


def test_a_lease_that_expires_while_its_holder_settles_is_not_reclaimed(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    (session,) = records.sessions(company_id, 1)
    with engine.connect() as other, impatient(engine) as connection:
        holder, claimer = ProcessingStatusManager(other), ProcessingStatusManager(connection)
        token = holder.start_stage(session, FETCH)
        other.commit()
        records.expire_leases()
        holder.complete_stage(session, FETCH, token)

        assert claimer.claim(FETCH, 1).attempts == {}
        other.rollback()
        assert claimer.claim(FETCH, 1).attempts == {session: 2}


def test_a_holder_whose_lease_is_being_reclaimed_waits_and_loses_it(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    (session,) = records.sessions(company_id, 1)
    with engine.connect() as other:
        manager = ProcessingStatusManager(other)
        stale = manager.start_stage(session, FETCH)
        other.commit()
        records.expire_leases()
        fresh = manager.start_stage(session, FETCH)
        with waiting(engine, lambda manager: manager.complete(FETCH, stale, {session: None})) as settled:
            other.commit()

    assert settled.result() == []
    assert records.row(session, FETCH).lease_token == fresh


def test_a_reopening_that_is_rolled_back_leaves_the_claim_intact(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    (session,) = records.sessions(company_id, 1)
    with engine.connect() as other:
        token = ProcessingStatusManager(other).start_stage(session, FETCH)
        other.commit()
        ProcessingStatusManager(other).reopen(FETCH, [session])
        with waiting(engine, lambda manager: manager.complete(FETCH, token, {session: None})) as settled:
            other.rollback()

    assert settled.result() == [session]
    records.assert_counts_equal_rows()


def test_folding_moves_only_committed_deltas_and_readers_see_no_difference(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    records.sessions(company_id, 3)
    with engine.connect() as writer, engine.connect() as folder, impatient(engine) as reader:
        before = read_breakdown(reader, BUILT_IN)
        claim = ProcessingStatusManager(writer).claim(FETCH, 2)
        fold(folder)
        assert read_breakdown(reader, BUILT_IN) == before
        fold(reader)  # passes over what the other fold is moving
        folder.commit()
        assert read_breakdown(reader, BUILT_IN) == before
        writer.commit()
        assert read_breakdown(reader, BUILT_IN).stages[FETCH]["IN_PROGRESS"] == len(claim.attempts) == 2
        fold(reader)
        assert reader.scalar(text("SELECT count(*) FROM livedash.session_processing_delta")) == 0
    records.assert_counts_equal_rows()


def test_two_imports_of_the_same_sessions_give_each_its_rows_once(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    owners = {uuid7(): company_id for _ in range(3)}
    with engine.connect() as other:
        assert set(ProcessingStatusManager(other).initialize_sessions(owners)) == set(owners)
        with waiting(engine, lambda manager: manager.initialize_sessions(dict(reversed(owners.items())))) as second:
            other.commit()
    assert second.result() == []
    records.assert_counts_equal_rows()

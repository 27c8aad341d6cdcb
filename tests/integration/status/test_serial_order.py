"""Two verbs on one session at the same time end as if one had come after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_core.status import Failure, ProcessingStatusManager, Scope
from tests.integration.records import Records, pipeline_with
from tests.integration.status.locks import is_blocked

FETCH, ADDED, CREATE = "TRANSCRIPT_FETCH", "TRANSLATION", "SESSION_CREATION"
#: The second stage is older than the third, which the sessions of these tests get by "initialize".
PIPELINE = pipeline_with(ADDED, after=FETCH)

Verb = Callable[[ProcessingStatusManager, UUID, UUID], object]


def _only(session: UUID) -> Scope:
    return Scope(session_ids=(session,))


#: Name → call with a session and the token of its claim, which the verb may hold no more.
VERBS: dict[str, Verb] = {
    "claim": lambda manager, session, _: manager.claim(FETCH, 1, _only(session)),
    "complete": lambda manager, session, token: manager.complete(FETCH, token, {session: {"label": "mark"}}),
    "skip": lambda manager, session, token: manager.skip(FETCH, token, {session: "empty"}),
    "fail": lambda manager, session, token: manager.fail(FETCH, token, [Failure(session, "permanent", "gone")]),
    "fail for now": lambda manager, session, token: manager.fail(FETCH, token, [Failure(session, "transient", "busy")]),
    "release": lambda manager, _, token: manager.release(token),
    "reset failed": lambda manager, session, _: manager.reset_failed(_only(session)),
    "skip failed": lambda manager, session, _: manager.skip_failed(_only(session), "of no use", "Ann"),
    "reopen": lambda manager, session, _: manager.reopen(FETCH, [session]),
    "reopen the next": lambda manager, session, _: manager.reopen(CREATE, [session]),
    "erase": lambda manager, session, _: manager.erase([session]),
    "initialize": lambda manager, session, _: manager.initialize_sessions({session: _company_of(manager, session)}),
}
#: What happens to the session before, by the same claim.
STARTS: dict[str, tuple[str, ...]] = {
    "in progress": (),
    "lost": ("expire",),
    "due": ("release",),
    "retried": ("fail for now",),
    "failed": ("fail",),
    "completed": ("complete",),
    "skipped for good": ("fail", "skip failed"),
}


def _company_of(manager: ProcessingStatusManager, session: UUID) -> UUID:
    query = text("SELECT company_id FROM livedash.session_import WHERE id = :id")
    return manager.connection.execute(query, {"id": session}).scalar_one()


class Trial:
    """Sessions with the same history, and what became of them."""

    def __init__(self, engine: Engine, records: Records, company_id: UUID) -> None:
        self.engine, self.records, self.company_id = engine, records, company_id

    def started(self, start: str) -> tuple[UUID, UUID]:
        (session,) = self.records.sessions(self.company_id, 1)
        with self.engine.begin() as connection:
            token = ProcessingStatusManager(connection).start_stage(session, FETCH)
        for step in STARTS[start]:
            if step == "expire":
                expire = text("UPDATE livedash.session_processing_lease SET expires_at = now() WHERE token = :token")
                with self.engine.begin() as connection:
                    connection.execute(expire, {"token": token})
            else:
                self.call(step, session, token)
        return session, token

    def call(self, verb: str, session: UUID, token: UUID) -> None:
        with self.engine.begin() as connection:
            VERBS[verb](ProcessingStatusManager(connection, pipeline=PIPELINE), session, token)

    def in_turn(self, start: str, *verbs: str) -> Any:
        session, token = self.started(start)
        for verb in verbs:
            self.call(verb, session, token)
        return self.state(session)

    def at_once(self, start: str, first: str, second: str) -> Any:
        """The second verb begins when the first has done its work, and before it commits."""
        session, token = self.started(start)
        with self.engine.connect() as ours, self.engine.connect() as theirs, ThreadPoolExecutor(1) as thread:
            VERBS[first](ProcessingStatusManager(ours, pipeline=PIPELINE), session, token)
            process = theirs.scalar(text("SELECT pg_backend_pid()"))
            theirs.rollback()

            def work() -> None:
                with theirs.begin():
                    VERBS[second](ProcessingStatusManager(theirs, pipeline=PIPELINE), session, token)

            future = thread.submit(work)
            while not (future.done() or is_blocked(ours, process)):
                pass
            ours.commit()
            future.result()
        return self.state(session)

    def state(self, session: UUID) -> tuple[list[Any], list[Any]]:
        """The rows and failures of a session, without times and ids, and without metadata that a later run replaces."""
        stages = text(
            """
            SELECT stage, status, attempts, available_at = 'infinity' AS waits, available_at > now() AS is_later,
                   started_at IS NULL, completed_at IS NULL, lease_token IS NULL,
                   EXISTS (SELECT FROM livedash.session_processing_lease WHERE token = lease_token) AS has_lease,
                   error_kind, error_message, error_group,
                   CASE WHEN completed_at IS NOT NULL THEN metadata - 'at' END
            FROM livedash.session_processing_status WHERE session_id = :session ORDER BY stage
            """
        )
        failures = text(
            """
            SELECT stage, attempt, error_kind, error_message
            FROM livedash.session_processing_failure WHERE session_id = :session ORDER BY id
            """
        )
        with self.engine.connect() as connection:
            return (
                [tuple(row) for row in connection.execute(stages, {"session": session})],
                [tuple(row) for row in connection.execute(failures, {"session": session})],
            )


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("one", VERBS)
def test_two_verbs_at_once_end_as_if_in_turn(
    engine: Engine, records: Records, company_id: UUID, start: str, one: str
) -> None:
    trial = Trial(engine, records, company_id)
    names = list(VERBS)
    for other in names[names.index(one) :]:
        serial = [trial.in_turn(start, one, other), trial.in_turn(start, other, one)]
        for first, second in ((one, other), (other, one)):
            # A claim passes over what is locked.
            passed_over = [trial.in_turn(start, first)] if second == "claim" else []
            end = trial.at_once(start, first, second)
            assert end in serial + passed_over, f"{start}: {first}, and {second} before it is committed"
    records.assert_counts_equal_rows(PIPELINE)

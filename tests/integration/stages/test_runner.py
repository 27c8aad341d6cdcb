"""The runner: sessions that break a stage, limits, systemic errors, deferrals, and an added stage."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, text

from livedash_core.bulk_insert import copy_into
from livedash_core.errors import PermanentError, SystemicError, TransientError
from livedash_core.outcomes import Completed, Deferred, Outcome, Skipped
from livedash_core.pipeline import BUILT_IN, StageDefinition
from livedash_core.stages.execution.runner import Runner, add_missing_stage_rows
from livedash_core.stages.stage import Stage
from livedash_core.status import ProcessingStatusManager, read_breakdown
from tests.integration.records import Records
from tests.integration.stages.stage_runs import Found, Pipeline, Scripted, complete

FETCH = "TRANSCRIPT_FETCH"
PATIENCE_SECONDS = 20


class Poisoned(Scripted):
    """Its store, or its load, breaks on one session."""

    def __init__(
        self, pipeline: Pipeline, poison: Callable[[Connection], object], session: UUID, *, where: str
    ) -> None:
        super().__init__(pipeline, complete)
        self.poison, self.session, self.where = poison, session, where

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[Found]:
        if self.where == "load" and self.session in session_ids:
            self.poison(connection)
        return super().load(connection, session_ids)

    def store(self, connection: Connection, results: Mapping[UUID, str]) -> None:
        super().store(connection, results)
        if self.where == "store" and self.session in results:
            self.poison(connection)


def too_large_for_an_index(connection: Connection) -> None:
    connection.execute(
        text(
            "INSERT INTO livedash.question (company_id, content, normal_form, language)"
            " SELECT id, '', (SELECT string_agg(md5(CAST(n AS text)), '') FROM generate_series(1, 500) AS n), 'en'"
            " FROM livedash.company"
        )
    )


POISONS: dict[str, tuple[Callable[[Connection], object], str]] = {
    "a constraint": (
        lambda connection: connection.execute(text("UPDATE livedash.session_processing_status SET attempts = -1")),
        "the database refused it: new row for relation",
    ),
    # psycopg calls this one an OperationalError, like a lost connection.
    "a row too large": (too_large_for_an_index, "the database refused it: index row requires"),
    "a value in a COPY": (
        lambda connection: copy_into(connection, "livedash.message", ("content",), [("a\0b",)]),
        "the database refused it: PostgreSQL text fields cannot contain NUL",
    ),
    "a bug": (lambda connection: {}["missing"], "an unexpected KeyError at test_runner.py:"),
}


@pytest.mark.parametrize(("poison", "where"), [*((poison, "store") for poison in POISONS), ("a row too large", "load")])
def test_a_session_that_breaks_load_or_store_fails_alone(
    records: Records, company_id: UUID, pipeline: Pipeline, poison: str, where: str
):
    sessions = records.sessions(company_id, 9)
    poisonous = sessions[4]
    act, message = POISONS[poison]

    report = pipeline.run(Poisoned(pipeline, act, poisonous, where=where))

    assert (report.claimed, report.completed, report.failed, report.released) == (9, 8, 1, 0)
    row = records.row(poisonous, FETCH)
    assert (row.status, row.error_kind, row.attempts) == ("FAILED", "permanent", 1)
    assert row.error_message.startswith(message)
    stored = {session for (session,) in pipeline.query("SELECT session_id FROM livedash.session_transcript")}
    assert stored == {*sessions} - {poisonous}
    assert pipeline.leases() == 0
    records.assert_counts_equal_rows()


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        pytest.param("SELECT pg_terminate_backend(pg_backend_pid())", "store", id="connection lost in store"),
        pytest.param("SELECT pg_terminate_backend(pg_backend_pid())", "load", id="connection lost in load"),
        pytest.param("SET TRANSACTION READ ONLY; DELETE FROM livedash.message", "store", id="read-only standby"),
        pytest.param("SELECT * FROM livedash.not_migrated_yet", "store", id="table missing"),
    ],
)
def test_a_failing_database_costs_no_attempt(
    records: Records, company_id: UUID, pipeline: Pipeline, statement: str, where: str
):
    sessions = records.sessions(company_id, 3)
    stage = Poisoned(pipeline, lambda connection: connection.execute(text(statement)), sessions[1], where=where)

    with pytest.raises(SystemicError, match="the database failed during TRANSCRIPT_FETCH"):
        pipeline.run(stage)

    assert pipeline.statuses(FETCH) == {"PENDING": 3}
    assert pipeline.attempts(FETCH) == {0}
    assert pipeline.leases() == 0
    assert pipeline.query("SELECT * FROM livedash.session_transcript") == []
    assert pipeline.run(Scripted(pipeline, complete)).completed == 3


def test_a_session_without_an_import_row_fails_and_blocks_no_other(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    records.sessions(company_id, 2)
    orphans = {uuid4(): company_id for _ in range(3)}
    with records.engine.begin() as connection:
        ProcessingStatusManager(connection).initialize_sessions(orphans, completed_stages=1)

    report = pipeline.run(Scripted(pipeline, complete))

    assert (report.claimed, report.completed, report.failed) == (5, 2, 3)
    for orphan in orphans:
        assert "its imported row is gone" in records.row(orphan, FETCH).error_message


async def nothing(_item: Found) -> Outcome:
    return None  # type: ignore[return-value] # the mistake that is tested


async def cancelled_from_inside(_item: Found) -> Outcome:
    raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("handle", "kind", "message"),
    [
        (nothing, "permanent", "an unexpected TypeError"),
        (cancelled_from_inside, "transient", "was cancelled, and not by this run"),
    ],
)
def test_a_handle_without_an_outcome_fails_and_is_not_claimed_again_without_end(
    records: Records, company_id: UUID, pipeline: Pipeline, handle, kind: str, message: str
):
    (session,) = records.sessions(company_id, 1)

    report = pipeline.run(Scripted(pipeline, handle), limit=5)

    assert (report.claimed, report.failed) == (1, 1)
    assert records.row(session, FETCH).error_kind == kind
    assert message in records.row(session, FETCH).error_message


def test_an_exception_is_the_failure_and_quotes_no_session(
    records: Records, company_id: UUID, pipeline: Pipeline, caplog: pytest.LogCaptureFixture
):
    secret, wrong, busy, quiet, fine = records.sessions(company_id, 5)

    async def handle(item: Found) -> Outcome:
        if item.session_id == secret:
            raise ValueError("my salary is 1234")
        if item.session_id == wrong:
            raise PermanentError("no")
        if item.session_id == busy:
            raise TransientError("later", retry_after_seconds=3600)
        if item.session_id == quiet:
            return Skipped("nothing to do", "kept", {"lines": 2})
        return Completed("done", {"characters": 4})

    report = pipeline.run(Scripted(pipeline, handle))

    assert (report.claimed, report.completed, report.skipped, report.failed) == (5, 1, 1, 3)
    assert {session for session, _ in report.failures} == {secret, wrong, busy}
    found = {session: records.row(session, FETCH) for session in (secret, wrong, busy, quiet, fine)}
    assert "1234" not in found[secret].error_message + caplog.text
    assert found[secret].error_message.startswith("an unexpected ValueError at test_runner.py:")
    assert (found[wrong].status, found[wrong].error_message) == ("FAILED", "no")
    assert (found[busy].status, found[busy].error_kind) == ("PENDING", "transient")
    (failure,) = records.failures(busy)
    assert (found[busy].available_at - failure.failed_at).total_seconds() == 3600
    assert (found[quiet].status, found[quiet].metadata) == ("SKIPPED", {"reason": "nothing to do", "lines": 2})
    assert (found[fine].status, found[fine].metadata) == ("COMPLETED", {"characters": 4})
    assert sorted(pipeline.query("SELECT content FROM livedash.session_transcript")) == [("done",), ("kept",)]


def test_garbage_collections_of_a_run_leave_out_what_was_there_before(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    records.sessions(company_id, 3)
    frozen: list[int] = []

    async def look(item: Found) -> Outcome[str]:
        frozen.append(gc.get_freeze_count())
        return await complete(item)

    pipeline.run(Scripted(pipeline, look))

    assert min(frozen) > 100_000
    # What is garbage later is collected again.
    assert gc.get_freeze_count() == 0


class Garbage:
    """Refers to itself, so that only a collection finds it."""

    itself: Garbage


def test_a_run_leaves_no_garbage_to_a_process_that_runs_stages_again_and_again(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    records.sessions(company_id, 3)
    left: list[weakref.ref[Any]] = []

    async def leave(item: Found) -> Outcome[str]:
        cycle = Garbage()
        cycle.itself = cycle
        left.extend([weakref.ref(cycle), weakref.ref(asyncio.current_task())])
        return await complete(item)

    gc.disable()  # a run is too short for a collection that finds all garbage
    try:
        pipeline.run(Scripted(pipeline, leave))
        assert [found() for found in left] == [None] * 6
    finally:
        gc.enable()


def test_a_limit_holds_across_claims(records: Records, company_id: UUID, pipeline: Pipeline):
    records.sessions(company_id, 10)

    report = pipeline.run(Scripted(pipeline, complete, batch=3), limit=7)

    assert (report.claimed, report.completed) == (7, 7)
    assert pipeline.statuses(FETCH) == {"COMPLETED": 7, "PENDING": 3}


def test_a_run_ends_after_the_two_claims_in_which_its_time_is_up(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    records.sessions(company_id, 9)
    budget = 0.2

    async def slow(_item: Found) -> Outcome:
        await asyncio.sleep(budget)  # the clock itself is what is tested
        return Completed("done")

    report = pipeline.run(Scripted(pipeline, slow, batch=2), budget_seconds=budget)

    assert (report.claimed, report.completed) == (4, 4)


class Observed(Scripted):
    """Its ``store`` does something more first, in the thread that talks to the database."""

    def __init__(self, pipeline: Pipeline, handle, before_store: Callable[[set[UUID]], object], **options: int) -> None:
        super().__init__(pipeline, handle, **options)
        self._before_store = before_store

    def store(self, connection: Connection, results: Mapping[UUID, str]) -> None:
        self._before_store(set(results))
        super().store(connection, results)


def test_a_claim_is_handled_while_the_one_before_is_settled(records: Records, company_id: UUID, pipeline: Pipeline):
    records.sessions(company_id, 4)
    handled: set[UUID] = set()
    third = threading.Event()

    async def handle(item: Found) -> Outcome:
        handled.add(item.session_id)
        if len(handled) == 3:
            third.set()
        return Completed("done")

    stage = Observed(pipeline, handle, lambda _: third.wait(PATIENCE_SECONDS) or pytest.fail("it waits"), batch=2)

    assert pipeline.run(stage).completed == 4


def test_no_worker_idles_while_the_last_session_of_a_claim_is_slow(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    slow, *_ = records.sessions(company_id, 4)
    next_claim = asyncio.Event()
    begun: list[UUID] = []

    async def handle(item: Found) -> Outcome:
        begun.append(item.session_id)
        if len(begun) == 3:
            next_claim.set()
        if item.session_id == slow:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await next_claim.wait()
        return Completed("done")

    report = pipeline.run(Scripted(pipeline, handle, at_once=2, batch=2))

    assert (report.completed, report.failed) == (4, 0)


def test_when_a_claim_fails_the_other_one_settles_what_is_handled(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    records.sessions(company_id, 6)
    broken = threading.Event()
    begun: list[UUID] = []

    async def handle(item: Found) -> Outcome:
        begun.append(item.session_id)
        if len(begun) <= 3:
            return Completed("ready")
        await asyncio.Event().wait()  # for ever
        raise AssertionError("unreachable")

    def break_off(_results: set[UUID]) -> None:
        if not broken.is_set():
            broken.set()
            raise SystemicError("the archive is closed")

    with pytest.raises(SystemicError, match="the archive is closed"):
        pipeline.run(Observed(pipeline, handle, break_off, at_once=2, batch=2))

    # The first batch was not stored; of the second, one was ready and one given up.
    assert pipeline.statuses(FETCH) == {"COMPLETED": 1, "PENDING": 5}
    assert pipeline.attempts(FETCH) == {0, 1}
    assert pipeline.leases() == 0
    records.assert_counts_equal_rows()


def test_an_exception_of_a_signal_handler_in_a_worker_ends_the_run(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    records.sessions(company_id, 3)

    class TaskTimeout(BaseException):
        """Airflow's is none of Exception's either."""

    async def handle(_item: Found) -> Outcome:
        raise TaskTimeout

    with pytest.raises(TaskTimeout):
        pipeline.run(Scripted(pipeline, handle, at_once=1))

    assert pipeline.statuses(FETCH) == {"PENDING": 3}
    assert pipeline.leases() == 0


def test_after_a_systemic_error_what_has_begun_finishes_and_the_rest_is_released(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    records.sessions(company_id, 6)
    began = asyncio.Event()
    calls = 0

    async def handle(_item: Found) -> Outcome:
        nonlocal calls
        calls += 1
        if calls == 1:
            await began.wait()  # until the other one is under way
            raise SystemicError("the key is wrong")
        began.set()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return Completed("paid for")

    report = pipeline.run(Scripted(pipeline, handle, at_once=2))

    assert calls == 2
    assert (report.claimed, report.completed, report.failed, report.released) == (6, 1, 0, 5)
    assert [str(incident) for incident in report.incidents] == ["the key is wrong"]
    assert pipeline.statuses(FETCH) == {"COMPLETED": 1, "PENDING": 5}
    assert pipeline.attempts(FETCH) == {0, 1}
    assert pipeline.leases() == 0
    (incident,) = pipeline.incidents()
    assert (incident.stage, incident.company, incident.message) == (FETCH, None, "the key is wrong")

    assert pipeline.run(Scripted(pipeline, complete)).completed == 5
    assert pipeline.incidents() == []
    assert pipeline.attempts(FETCH) == {1}
    records.assert_counts_equal_rows()


def test_a_systemic_error_outside_handle_ends_the_run_and_opens_an_incident(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    (session,) = records.sessions(company_id, 1)

    def refuse(_connection: Connection) -> None:
        raise SystemicError("the archive is closed")

    with pytest.raises(SystemicError, match="the archive is closed"):
        pipeline.run(Poisoned(pipeline, refuse, session, where="store"))

    assert pipeline.attempts(FETCH) == {0}
    assert [incident.message for incident in pipeline.incidents()] == ["the archive is closed"]


def test_a_result_of_none_reaches_store_like_any_other(records: Records, company_id: UUID, pipeline: Pipeline):
    ids = records.sessions(company_id, 2)
    stored: dict[UUID, object] = {}

    class WithoutResult(Scripted):
        def store(self, connection: Connection, results: Mapping[UUID, object]) -> None:
            stored.update(results)

    async def handle(item: Found) -> Outcome:
        return Completed(None) if item.session_id == ids[0] else Skipped("nothing to do")

    report = pipeline.run(WithoutResult(pipeline, handle))

    assert (report.completed, report.skipped) == (1, 1)
    assert stored == {ids[0]: None}  # a skipped session without a result has nothing to store


@pytest.mark.parametrize("this_session", [True, False])
def test_a_deferred_session_costs_no_attempt_and_is_no_error(
    records: Records, company_id: UUID, pipeline: Pipeline, this_session: bool
):
    deferred, *_ = records.sessions(company_id, 3)
    records.sessions(records.company("Globex"), 2)
    handled: list[UUID] = []

    async def handle(item: Found) -> Outcome:
        handled.append(item.company_id)
        if item.session_id != deferred:
            return Completed("done")
        return Deferred("Acme has spent it all", "budget", retry_after_seconds=600, this_session=this_session)

    report = pipeline.run(Scripted(pipeline, handle, at_once=1))

    assert (report.failed, report.incidents, report.failures) == (0, [], [])
    # A deferral of the company stops its other sessions, and no other company.
    assert handled.count(company_id) == (3 if this_session else 1)
    assert report.completed == (4 if this_session else 2)
    assert [str(each) for each in report.deferred] == ([] if this_session else ["Acme has spent it all"])
    assert [(each.kind, each.message) for each in pipeline.incidents()] == (
        [] if this_session else [("budget", "Acme has spent it all")]
    )
    ((attempts, seconds),) = pipeline.query(
        "SELECT attempts, extract(epoch FROM available_at - now()) FROM livedash.session_processing_status"
        " WHERE session_id = :id AND stage = :stage",
        id=deferred,
        stage=FETCH,
    )
    assert attempts == 0
    assert 500 < seconds <= 600
    records.assert_counts_equal_rows()


class Translation(Stage[Found, str]):
    """A sixth stage, in a deployment's own package."""

    name = "TRANSLATION"

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[Found]:
        rows = connection.execute(
            text("SELECT id, company_id FROM livedash.session WHERE id = ANY (:ids)"), {"ids": list(session_ids)}
        )
        return [Found(*row) for row in rows]

    async def handle(self, item: Found) -> Outcome:
        return Completed("translated")

    def store(self, connection: Connection, results: Mapping[UUID, str]) -> None:
        connection.execute(
            text("UPDATE livedash.session SET country = 'XX' WHERE id = ANY (:ids)"), {"ids": list(results)}
        )


TRANSLATION = StageDefinition("TRANSLATION", Translation, "translations", after="SESSION_CREATION")


def test_an_added_stage_runs_in_its_place_and_is_counted(site, acme: UUID, pipeline: Pipeline, engine: Engine, records):
    pipeline.stages = BUILT_IN.with_stages([TRANSLATION])
    site.publish(site.rows(3))

    reports = pipeline.run_all()

    assert list(reports) == [
        "CSV_IMPORT", FETCH, "SESSION_CREATION", "TRANSLATION", "AI_ANALYSIS", "QUESTION_EXTRACTION",
    ]  # fmt: skip
    assert [report.completed for report in reports.values()] == [3] * 6
    with engine.connect() as connection:
        breakdown = read_breakdown(connection, pipeline.stages)
    assert breakdown.stages["TRANSLATION"]["COMPLETED"] == 3
    assert pipeline.query("SELECT DISTINCT country FROM livedash.session") == [("XX",)]
    records.assert_counts_equal_rows(pipeline.stages)


def test_sessions_imported_before_a_stage_was_added_go_through_it_when_it_runs(
    site, acme: UUID, pipeline: Pipeline, records
):
    site.publish(site.rows(3))
    pipeline.run_all()
    pipeline.stages = BUILT_IN.with_stages([TRANSLATION])

    assert [pipeline.run("TRANSLATION").completed for _ in range(2)] == [3, 0]
    assert [pipeline.run(stage).claimed for stage in pipeline.stages.names] == [0] * 6
    records.assert_counts_equal_rows(pipeline.stages)


def test_missing_stage_rows_are_added_chunk_by_chunk(
    records: Records, company_id: UUID, engine: Engine, monkeypatch: pytest.MonkeyPatch
):
    through = records.sessions(company_id, 7, completed_stages=5)
    records.sessions(company_id, 3)
    stages = BUILT_IN.with_stages([TRANSLATION])
    monkeypatch.setattr("livedash_core.stages.execution.runner.MISSING_ROWS_CHUNK", 4)

    assert [add_missing_stage_rows(engine, stages) for _ in range(2)] == [10, 0]
    with engine.begin() as connection:
        due = ProcessingStatusManager(connection, pipeline=stages).claim("TRANSLATION", 20)
    assert due.attempts.keys() == set(through)
    records.assert_counts_equal_rows(stages)


def test_progress_is_reported_after_each_claim(records: Records, company_id: UUID, pipeline: Pipeline):
    records.sessions(company_id, 5)
    told: list[int] = []

    runner: Runner = pipeline.runner(
        Scripted(pipeline, complete, batch=2), on_progress=lambda report: told.append(report.completed)
    )
    runner.run()

    assert told == [2, 4, 5]

"""Leases while work goes on: kept, lost, and given back on stop. Threads are real, because the runner's are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from uuid import UUID

import pytest
from sqlalchemy import Engine, event, text

from livedash_core.stages.stage import Completed, Outcome
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import Records
from tests.integration.stages.stage_runs import Found, Pipeline, Scripted, complete

FETCH = "TRANSCRIPT_FETCH"
#: Long enough for a loaded machine to renew in time, at a third of it.
LEASE_SECONDS = 1.5
PATIENCE_SECONDS = 20


def test_stop_settles_what_is_handled_and_releases_the_rest(records: Records, company_id: UUID, pipeline: Pipeline):
    records.sessions(company_id, 10)
    waiting = threading.Event()
    calls = 0

    async def handle(_item: Found) -> Outcome:
        nonlocal calls
        calls += 1
        if calls <= 3:
            return Completed("ready")
        waiting.set()
        await asyncio.Event().wait()  # for ever
        raise AssertionError("unreachable")

    runner = pipeline.runner(Scripted(pipeline, handle, at_once=2))
    worker = threading.Thread(target=runner.run, daemon=True)
    worker.start()
    assert waiting.wait(PATIENCE_SECONDS)
    runner.stop()
    worker.join(PATIENCE_SECONDS)

    assert not worker.is_alive()
    report = runner.report
    assert (report.claimed, report.completed, report.failed, report.released) == (10, 3, 0, 7)
    assert pipeline.statuses(FETCH) == {"COMPLETED": 3, "PENDING": 7}
    assert dict(
        pipeline.query(
            "SELECT status, sum(attempts) FROM livedash.session_processing_status WHERE stage = :stage GROUP BY 1",
            stage=FETCH,
        )
    ) == {"COMPLETED": 3, "PENDING": 0}
    assert pipeline.leases() == 0
    records.assert_counts_equal_rows()
    assert pipeline.run(Scripted(pipeline, complete)).completed == 7


def test_a_runner_that_is_stopped_before_it_starts_claims_nothing(
    records: Records, company_id: UUID, pipeline: Pipeline
):
    records.sessions(company_id, 1)
    runner = pipeline.runner(Scripted(pipeline, complete))
    runner.stop()

    assert runner.run().claimed == 0


def test_nothing_is_stored_for_sessions_whose_lease_was_lost(
    records: Records, company_id: UUID, pipeline: Pipeline, engine: Engine
):
    sessions = records.sessions(company_id, 3)
    theirs: dict[UUID, int] = {}

    async def handle(_item: Found) -> Outcome:
        if not theirs:
            records.expire_leases()
            with engine.begin() as connection:
                theirs.update(ProcessingStatusManager(connection).claim(FETCH, 2).attempts)
        return Completed("ours")

    report = pipeline.run(Scripted(pipeline, handle, at_once=1))

    # All three leases were lost; the session that no other claim has was due again, and is claimed a second time.
    assert len(theirs) == 2
    (kept,) = {*sessions} - theirs.keys()
    assert (report.claimed, report.completed, report.failed, report.released) == (4, 1, 0, 0)
    assert pipeline.query("SELECT session_id, content FROM livedash.session_transcript") == [(kept, "ours")]
    assert {records.row(session, FETCH).status for session in theirs} == {"IN_PROGRESS"}
    assert records.row(kept, FETCH).attempts == 2
    records.assert_counts_equal_rows()


def test_a_session_that_is_reopened_while_it_is_handled_keeps_its_place_in_the_queue(
    records: Records, company_id: UUID, pipeline: Pipeline, engine: Engine
):
    changed, other = records.sessions(company_id, 2)
    reopened = False

    async def handle(item: Found) -> Outcome:
        nonlocal reopened
        if item.session_id == changed and not reopened:
            reopened = True
            with engine.begin() as connection:
                ProcessingStatusManager(connection).reopen("CSV_IMPORT", [changed])
            return Completed("stale")
        return Completed("fresh")

    assert pipeline.run(Scripted(pipeline, handle)).completed == 1

    assert pipeline.query("SELECT session_id, content FROM livedash.session_transcript") == [(other, "fresh")]
    records.assert_stage(changed, "CSV_IMPORT", "PENDING")
    assert pipeline.statuses(FETCH) == {"COMPLETED": 1, "PENDING": 1}
    records.assert_counts_equal_rows()


@pytest.fixture
def renewals(engine: Engine) -> Iterator[list[None]]:
    """One entry per lease that was renewed through this engine."""
    seen: list[None] = []

    def note(_connection, _cursor, statement: str, *_rest: object) -> None:
        if statement.lstrip().startswith("UPDATE livedash.session_processing_lease"):
            seen.append(None)

    event.listen(engine, "after_cursor_execute", note)
    yield seen
    event.remove(engine, "after_cursor_execute", note)


def test_the_leases_of_both_claims_are_renewed_while_they_are_handled(
    records: Records, company_id: UUID, pipeline: Pipeline, engine: Engine, renewals: list[None]
):
    pipeline = Pipeline(engine, lease_seconds=LEASE_SECONDS)
    records.sessions(company_id, 2)
    stolen: list[dict[UUID, int]] = []

    def wait_until_the_lease_would_have_run_out() -> None:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(
                text(
                    "SELECT pg_sleep_until(max(claimed_at) + make_interval(secs => :seconds)) "
                    "FROM livedash.session_processing_lease"
                ),
                # Twice as long, because on a busy machine the heartbeat's thread comes late.
                {"seconds": 2 * LEASE_SECONDS},
            )
            stolen.append(ProcessingStatusManager(connection).claim(FETCH, 1).attempts)

    async def handle(_item: Found) -> Outcome:
        await asyncio.to_thread(wait_until_the_lease_would_have_run_out)
        return Completed("done")

    report = pipeline.run(Scripted(pipeline, handle, batch=1))

    assert stolen == [{}, {}]
    assert len(renewals) >= 4
    assert (report.completed, pipeline.attempts(FETCH)) == (2, {1})
    assert pipeline.leases() == 0


def test_a_heartbeat_that_cannot_renew_tries_again(
    records: Records, company_id: UUID, pipeline: Pipeline, engine: Engine, caplog: pytest.LogCaptureFixture
):
    pipeline = Pipeline(engine, lease_seconds=LEASE_SECONDS)
    records.sessions(company_id, 1)
    renewed = threading.Event()
    failed = threading.Event()

    def fail_once(_connection, _cursor, statement: str, *_rest: object) -> None:
        if statement.lstrip().startswith("UPDATE livedash.session_processing_lease"):
            if failed.is_set():
                renewed.set()
            else:
                failed.set()
                raise RuntimeError("the secrets backend is away")

    event.listen(engine, "before_cursor_execute", fail_once)

    async def handle(_item: Found) -> Outcome:
        assert await asyncio.to_thread(renewed.wait, PATIENCE_SECONDS)
        return Completed("done")

    report = pipeline.run(Scripted(pipeline, handle))

    assert report.completed == 1
    assert "could not be renewed" in caplog.text
    assert "secrets" not in caplog.text

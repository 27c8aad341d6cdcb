"""At 200,000 sessions every hot statement uses its index and reads few more rows than it returns. A plan, unlike a
timing, is deterministic. Each statement is planned with its parameters and without (see ``explained``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple, get_args
from uuid import UUID

import pytest
from sqlalchemy import Engine, update

from livedash_core.db import make_engine, upgrade_schema
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.models import Company
from livedash_core.operations.erasure import erase_expired
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager, Scope, activity
from tests.integration.status.large import BEGIN, COMPANIES, SESSIONS, build
from tests.integration.status.plans import Mode, explained

FETCH, CREATE, ANALYSE, LATE = BUILT_IN.names[1:]
LARGE = {"session_processing_status", "session_processing_failure", "session_import"}
READY, LEASE, FAILED = (f"ix_processing_status_{name}" for name in ("ready", "lease", "failed"))
SKIPPED = "ix_processing_status_skipped"
KEY, STARTED = "pk_session_processing_status", "ix_session_import_started"


@pytest.fixture(scope="module")
def large(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    engine = make_engine(postgres.database("plans").url())
    upgrade_schema(engine)
    build(engine)
    yield engine
    engine.dispose()


def session(number: int) -> UUID:
    return UUID(int=number)


TOKEN = UUID(hex=f"{70_000 // 500:x}".rjust(32, "f"))
HELD = [session(number) for number in range(70_000, 70_100)]


def window(first: int, last: int) -> Scope:
    return Scope(started_from=BEGIN + timedelta(seconds=first), started_before=BEGIN + timedelta(seconds=last))


class Hot(NamedTuple):
    """``indexes`` are used; at most ``rows`` rows of the large tables and ``pages`` pages of all are read."""

    verb: Callable[[ProcessingStatusManager], object]
    indexes: set[str]
    rows: int
    pages: int


def named(first: int, last: int) -> Scope:
    return Scope(session_ids=tuple(session(number) for number in range(first, last)))


# Claiming reads a row twice, to lock it and to change it; settling reads two rows of a session, locked and changed.
HOT = {
    "claim": Hot(lambda manager: manager.claim(FETCH, 100), {READY}, 300, 3000),
    "claim with 160,000 blocked": Hot(lambda manager: manager.claim(CREATE, 100), {READY}, 300, 3000),
    "claim where all are blocked": Hot(lambda manager: manager.claim(ANALYSE, 100), {READY}, 0, 100),
    "claim of a company": Hot(
        lambda manager: manager.claim(FETCH, 100, Scope(company_ids=(COMPANIES[2],))), {READY}, 300, 3000
    ),
    "claim in a window of 1,000": Hot(
        lambda manager: manager.claim(FETCH, 100, window(100_000, 101_000)), {STARTED, KEY}, 2500, 8000
    ),
    "claim of 50 sessions": Hot(lambda manager: manager.claim(FETCH, 50, named(90_001, 90_051)), {KEY}, 200, 1500),
    "settle": Hot(lambda manager: manager.complete(FETCH, TOKEN, dict.fromkeys(HELD)), {LEASE, KEY}, 1000, 4000),
    "fail": Hot(
        lambda manager: manager.fail(FETCH, TOKEN, [Failure(key, "transient", "no") for key in HELD]),
        {LEASE},
        1000,
        4000,
    ),
    "release of 500": Hot(lambda manager: manager.release(TOKEN), {LEASE}, 2000, 10_000),
    "the end of a lease": Hot(lambda manager: not manager.end_lease(TOKEN), {LEASE}, 10, 30),
    "reclaim of 500": Hot(lambda manager: manager.claim(LATE, 1), {LEASE}, 2000, 12_000),
    "renew": Hot(lambda manager: manager.renew(TOKEN), set(), 0, 30),
    "due stages": Hot(lambda manager: manager.get_due_stages(), {READY}, 10, 100),
    "activity": Hot(lambda manager: activity(manager.connection, BUILT_IN), {READY}, 50, 200),
    "stages of a session": Hot(lambda manager: manager.get_session_status(session(70_000)), {KEY}, 5, 20),
    "50 that need it": Hot(lambda manager: manager.get_sessions_needing_processing(FETCH, 50), {READY}, 250, 500),
    "50 that failed": Hot(lambda manager: manager.get_failed_sessions(limit=50), {FAILED}, 500, 3000),
    "retry of one": Hot(lambda manager: manager.reset_stage_for_retry(session(50_000), FETCH), {KEY}, 20, 100),
    "skipping one for good": Hot(
        lambda manager: manager.skip_failed(named(50_000, 50_001), "no", "Ann"), {KEY}, 30, 200
    ),
    "what was skipped for good": Hot(
        # Of a stage without failures; of named sessions, the key serves as well.
        lambda manager: manager.reset_failed(Scope(stages=BUILT_IN.names[:1]), with_skipped=True),
        {f"{SKIPPED}_for_good"},
        20,
        100,
    ),
    "reopen": Hot(lambda manager: manager.reopen(FETCH, HELD), {KEY}, 1500, 10_000),
    "initialize": Hot(
        lambda manager: manager.initialize_sessions(dict.fromkeys(named(300_000, 300_100).session_ids, COMPANIES[0])),
        set(),
        0,
        12_000,
    ),
}


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize("name", HOT)
def test_a_hot_statement_uses_its_index_and_reads_about_as_many_rows_as_it_returns(
    large: Engine, name: str, mode: Mode
) -> None:
    hot = HOT[name]
    with large.connect() as connection:
        with explained(connection, mode) as plan:
            assert hot.verb(ProcessingStatusManager(connection)) is not False
        connection.rollback()

    assert not plan.scanned_whole & LARGE
    assert hot.indexes <= plan.indexes
    assert sum(plan.rows[table] for table in LARGE) <= hot.rows
    assert plan.pages <= hot.pages


@pytest.mark.parametrize("mode", get_args(Mode))
def test_the_breakdown_reads_only_the_counts(large: Engine, mode: Mode) -> None:
    with large.connect() as connection, explained(connection, mode) as plan:
        breakdown = ProcessingStatusManager(connection).get_pipeline_status()

    assert breakdown.total_sessions == SESSIONS
    assert plan.rows.keys() == {"session_processing_count", "session_processing_delta"}
    assert sum(plan.rows.values()) < 200


@pytest.mark.parametrize("mode", get_args(Mode))
def test_a_retention_that_nothing_exceeds_reads_no_session(large: Engine, mode: Mode) -> None:
    with large.begin() as connection:
        connection.execute(update(Company).values(retention_days=1))

    with explained(large, mode) as plan:
        assert not any(erased.sessions for erased in erase_expired(large, BUILT_IN, BEGIN).values())

    assert "ix_session_import_expiry" in plan.indexes
    assert plan.rows["session_import"] == 0

"""At 200,000 sessions every hot statement takes its index and reads about what it gives: a plan is deterministic
where a timing is not. Each is planned twice, with its parameters in view and without (see ``explained``)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, get_args
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_core.db import make_engine, upgrade_schema
from livedash_core.local.embedded_postgres import EmbeddedPostgres
from livedash_core.status import STAGES, Failure, ProcessingStatusManager, Scope, activity
from tests.integration.status.plans import Mode, explained

SESSIONS = 200_000
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
COMPANIES = [UUID(int=number) for number in range(1, 6)]
FETCH, CREATE, ANALYSE, LATE = STAGES[1:]
LARGE = {"session_processing_status", "session_processing_failure", "session_import"}
READY, LEASE, FAILED = (f"ix_processing_status_{name}" for name in ("ready", "lease", "failed"))
KEY, STARTED = "pk_session_processing_status", "ix_session_import_started"

#: Session n starts n seconds after BEGIN. TRANSCRIPT_FETCH is through for the first 40,000, FAILED for the next
#: 20,000, held by 40 leases for the next 20,000, and due for the rest; one company of the five is suspended.
BUILD = """
INSERT INTO livedash.company (id, name, status)
SELECT id, id::text, CASE WHEN position = 1 THEN 'SUSPENDED' ELSE 'ACTIVE' END
FROM unnest(CAST(:companies AS uuid[])) WITH ORDINALITY AS company (id, position);

CREATE TEMPORARY TABLE built ON COMMIT DROP AS
SELECT n, lpad(to_hex(n), 32, '0')::uuid AS id, (CAST(:companies AS uuid[]))[n % 5 + 1] AS company_id,
       CAST(:begin AS timestamptz) + n * interval '1 s' AS moment,
       CASE WHEN n > 60000 AND n <= 80000 THEN lpad(to_hex(n / 500), 32, 'f')::uuid END AS token
FROM generate_series(1, :sessions) AS n;

INSERT INTO livedash.session_import (id, company_id, external_session_id, started_at)
SELECT id, company_id, n, moment FROM built;

INSERT INTO livedash.session_processing_lease (token, expires_at, claimed_at, stage, owner)
SELECT DISTINCT token, now() + interval '1 h', now(), 'TRANSCRIPT_FETCH', 'a worker' FROM built WHERE token IS NOT NULL;

-- One that ran out, for a claim of the last stage to take over, where nothing is due.
UPDATE livedash.session_processing_lease SET expires_at = now(), stage = 'QUESTION_EXTRACTION'
WHERE token = (SELECT token FROM built WHERE n = 60500);

INSERT INTO livedash.session_processing_status
    (session_id, company_id, stage, status, available_at, started_at, completed_at, lease_token, attempts, error_kind,
     error_group)
SELECT id, company_id, stage, status,
       CASE WHEN position > 3 OR (position = 3 AND n > 40000) THEN 'infinity' ELSE moment END, moment,
       CASE WHEN status IN ('COMPLETED', 'FAILED') THEN moment END, CASE WHEN status = 'IN_PROGRESS' THEN token END, 1,
       CASE WHEN status = 'FAILED' THEN 'permanent' END, CASE WHEN status = 'FAILED' THEN 'no' END
FROM (
    SELECT built.*, stage, position,
           CASE WHEN position = 1 OR (position = 2 AND n <= 40000) THEN 'COMPLETED'
                WHEN position = 2 AND n <= 60000 THEN 'FAILED'
                WHEN position = 2 AND n <= 80000 THEN 'IN_PROGRESS' ELSE 'PENDING' END AS status
    FROM built CROSS JOIN unnest(CAST(:stages AS text[])) WITH ORDINALITY AS stages (stage, position)
) AS placed;

INSERT INTO livedash.session_processing_failure
    (session_id, company_id, stage, attempt, started_at, failed_at, error_kind, error_message)
SELECT id, company_id, 'TRANSCRIPT_FETCH', 1, moment, moment, 'permanent', 'no'
FROM built WHERE n > 40000 AND n <= 60000;

INSERT INTO livedash.session_processing_count (company_id, stage, status, sessions)
SELECT company_id, stage, CASE WHEN available_at = 'infinity' THEN 'WAITING' ELSE status END, count(*)
FROM livedash.session_processing_status GROUP BY 1, 2, 3
"""


@pytest.fixture(scope="module")
def large(postgres: EmbeddedPostgres) -> Iterator[Engine]:
    engine = make_engine(postgres.database("plans").url())
    upgrade_schema(engine)
    parameters = {"companies": COMPANIES, "begin": BEGIN, "sessions": SESSIONS, "stages": list(STAGES)}
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no foreign key is looked up
        for statement in BUILD.split(";"):
            connection.execute(text(statement), parameters)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))
    yield engine
    engine.dispose()


def session(number: int) -> UUID:
    return UUID(int=number)


TOKEN = UUID(hex=f"{70_000 // 500:x}".rjust(32, "f"))
HELD = [session(number) for number in range(70_000, 70_100)]


def window(first: int, last: int) -> Scope:
    return Scope(started_from=BEGIN + timedelta(seconds=first), started_before=BEGIN + timedelta(seconds=last))


class Hot(NamedTuple):
    """``indexes`` are taken; at most ``rows`` rows of the large tables and ``pages`` pages of all are read."""

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
    "reclaim of 500": Hot(lambda manager: manager.claim(LATE, 1), {LEASE}, 2000, 12_000),
    "renew": Hot(lambda manager: manager.renew(TOKEN), set(), 0, 30),
    "due stages": Hot(lambda manager: manager.get_due_stages(), {READY}, 10, 100),
    "activity": Hot(lambda manager: activity(manager.connection, STAGES), {READY}, 50, 200),
    "stages of a session": Hot(lambda manager: manager.get_session_status(session(70_000)), {KEY}, 5, 20),
    "50 that need it": Hot(lambda manager: manager.get_sessions_needing_processing(FETCH, 50), {READY}, 250, 500),
    "50 that failed": Hot(lambda manager: manager.get_failed_sessions(limit=50), {FAILED}, 500, 3000),
    "retry of one": Hot(lambda manager: manager.reset_stage_for_retry(session(50_000), FETCH), {KEY}, 20, 100),
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
def test_a_hot_statement_takes_its_index_and_reads_about_what_it_gives(large: Engine, name: str, mode: Mode) -> None:
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
def test_the_breakdown_touches_the_ledger_alone(large: Engine, mode: Mode) -> None:
    with large.connect() as connection, explained(connection, mode) as plan:
        breakdown = ProcessingStatusManager(connection).get_pipeline_status()

    assert breakdown.total_sessions == SESSIONS
    assert plan.rows.keys() == {"session_processing_count", "session_processing_delta"}
    assert sum(plan.rows.values()) < 200

"""A database with 200,000 sessions in every state, for tests of query plans."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Engine, text

from livedash_core.pipeline import BUILT_IN

SESSIONS = 200_000
BEGIN = datetime(2020, 1, 1, tzinfo=UTC)
COMPANIES = [UUID(int=number) for number in range(1, 6)]

#: Session n starts n seconds after BEGIN. TRANSCRIPT_FETCH is SKIPPED for the first 2,000 (else indexes of skipped rows
#: are all empty, and as good as each other), COMPLETED up to the first 40,000, FAILED for the next 20,000, held by 40
#: leases for the next 20,000, and due for the rest; one company of the five is suspended.
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
       CASE WHEN status IN ('COMPLETED', 'FAILED', 'SKIPPED') THEN moment END,
       CASE WHEN status = 'IN_PROGRESS' THEN token END, 1,
       CASE WHEN status = 'FAILED' THEN 'permanent' END, CASE WHEN status = 'FAILED' THEN 'no' END
FROM (
    SELECT built.*, stage, position,
           CASE WHEN position = 2 AND n <= 2000 THEN 'SKIPPED'
                WHEN position = 1 OR (position = 2 AND n <= 40000) THEN 'COMPLETED'
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


def build(engine: Engine, *more: str) -> None:
    """Fill a migrated, empty database; ``more`` are statements that add to it, with the same parameters."""
    parameters = {"companies": COMPANIES, "begin": BEGIN, "sessions": SESSIONS, "stages": list(BUILT_IN.names)}
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL session_replication_role = replica"))  # no foreign key is looked up
        for statement in (*BUILD.split(";"), *more):
            connection.execute(text(statement), parameters)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))

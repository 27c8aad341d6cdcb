"""The yardstick: the leanest queue table we know of, and psycopg without anything in between.

Shape and statements are the best of eight that were compared beforehand: smallint stage and status, a partial index
on what is due, rows found by ctid, ids sorted. It has no companies, no order of stages, no ledger, no checks, no
lease that could run out, and writes no history.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import psycopg

from tests.bench.database import CHUNK

CREATE = """
CREATE SCHEMA bare;
CREATE TABLE bare.status (
    session_id uuid NOT NULL,
    available_at timestamptz NOT NULL,
    started_at timestamptz,
    completed_at timestamptz,
    lease_token uuid,
    stage smallint NOT NULL,
    status smallint NOT NULL DEFAULT 0,
    attempts smallint NOT NULL DEFAULT 0,
    error text,
    metadata jsonb,
    PRIMARY KEY (session_id, stage)
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_cost_delay = 0,
        autovacuum_vacuum_insert_scale_factor = 0.05);
CREATE INDEX status_ready ON bare.status (stage, available_at) WHERE status = 0;
CREATE INDEX status_lease ON bare.status (lease_token) WHERE status = 1;
CREATE INDEX status_failed ON bare.status (stage, completed_at) WHERE status = 3;
"""

#: Five rows per session, the first %(done)s stages completed, the next one due.
INSERT = """
INSERT INTO bare.status (session_id, available_at, started_at, completed_at, stage, status, attempts)
SELECT id,
       CASE WHEN stage <= %(done)s + 1 THEN now() ELSE 'infinity' END,
       CASE WHEN stage <= %(done)s THEN now() END,
       CASE WHEN stage <= %(done)s THEN now() END,
       stage,
       CASE WHEN stage <= %(done)s THEN 2 ELSE 0 END,
       CASE WHEN stage <= %(done)s THEN 1 ELSE 0 END
FROM unnest(%(ids)s::uuid[]) AS id CROSS JOIN generate_series(1, 5) AS stage
"""

CLAIM = """
UPDATE bare.status SET status = 1, lease_token = %(token)s, attempts = attempts + 1, started_at = now()
WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM bare.status
    WHERE stage = %(stage)s AND status = 0 AND available_at <= now()
    ORDER BY available_at LIMIT %(limit)s
    FOR UPDATE SKIP LOCKED
))
RETURNING session_id
"""

#: Not a join with unnest: once ANALYZE has seen the table idle, its generic plan compares every id with every row.
COMPLETE = """
UPDATE bare.status SET status = 2, completed_at = now(), lease_token = NULL
WHERE session_id = ANY (%(ids)s::uuid[]) AND stage = %(stage)s AND status = 1 AND lease_token = %(token)s
"""


class BareQueue:
    """The table, and a worker on it; each statement commits by itself."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        connection.execute(CREATE)
        self._cursor = connection.cursor(binary=True)

    def insert(self, session_ids: list[UUID], *, completed_stages: int = 1) -> None:
        """Status rows for these sessions, as many at once as the manager is given."""
        for first in range(0, len(session_ids), CHUNK):
            chunk = session_ids[first : first + CHUNK]
            self._cursor.execute(INSERT, {"ids": chunk, "done": completed_stages}, prepare=True)

    def drain(self, stage: int, chunk: int) -> int:
        """Claim and complete until nothing is due; returns how many."""
        jobs = 0
        while True:
            token = uuid4()
            self._cursor.execute(CLAIM, {"token": token, "stage": stage, "limit": chunk}, prepare=True)
            ids = sorted(row[0] for row in self._cursor)
            if not ids:
                return jobs
            self._cursor.execute(COMPLETE, {"ids": ids, "stage": stage, "token": token}, prepare=True)
            jobs += len(ids)

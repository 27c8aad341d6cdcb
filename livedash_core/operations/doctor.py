"""What is wrong, each finding a sentence that says what to do."""

from __future__ import annotations

import shlex
from datetime import UTC, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, text

from livedash_core.operations.erasure import count_expired
from livedash_core.status import read_breakdown
from livedash_core.status.incidents import list_incidents

#: The retention DAG runs daily, and may fail once.
_RETENTION_GRACE = timedelta(days=2)


class Finding(NamedTuple):
    """One thing that is wrong. ``check`` is a short name that stays the same."""

    check: str
    message: str


def examine(connection: Connection, stages: tuple[str, ...]) -> list[Finding]:
    """Every check of this file; an empty list is good health. Reads only."""
    return [
        *_incidents(connection),
        *_counted(connection, "stuck lease", _STUCK_LEASES, "the next run of that stage takes their sessions over"),
        *_counted(connection, "orphan", _WITHOUT_LEASE, "they are in progress but nobody holds them; please report it"),
        *_counted(connection, "orphan", _WITHOUT_STATUS, "they cannot be processed; please report it"),
        *_counted(connection, "company", _WITHOUT_CSV, "give it one: livedash company add NAME --csv-url URL"),
        *_expired(connection),
        *_drift(connection, stages),
    ]


def _incidents(connection: Connection) -> list[Finding]:
    return [
        Finding(
            "incident",
            f"{incident.stage} is stopped since {incident.first_seen_at.astimezone(UTC):%Y-%m-%d %H:%MZ}: "
            f"{incident.message}",
        )
        for incident in list_incidents(connection)
    ]


def _counted(connection: Connection, check: str, query: str, advice: str) -> list[Finding]:
    return [Finding(check, f"{row.what}: {advice}") for row in connection.execute(text(query))]


def _expired(connection: Connection) -> list[Finding]:
    return [
        Finding(
            "retention",
            f"{company} keeps {sessions:,} sessions longer than it wants: let the DAG livedash_retention run daily, or "
            f"erase them: livedash erase --company {shlex.quote(company)} --before DATE",
        )
        for company, sessions in count_expired(connection, grace=_RETENTION_GRACE).items()
    ]


def _drift(connection: Connection, stages: tuple[str, ...]) -> list[Finding]:
    if read_breakdown(connection, stages) == read_breakdown(connection, stages, recount=True):
        return []
    return [Finding("ledger", "the breakdown differs from the rows it counts; please report it")]


_STUCK_LEASES = """
    SELECT stage || ': ' || count(*) || ' expired, held by ' || string_agg(DISTINCT owner, ', ') AS what
    FROM livedash.session_processing_lease WHERE expires_at < now() GROUP BY stage ORDER BY stage
"""
_WITHOUT_LEASE = """
    SELECT status.stage || ': ' || count(*) || ' sessions' AS what
    FROM livedash.session_processing_status AS status
    LEFT JOIN livedash.session_processing_lease AS lease ON lease.token = status.lease_token
    WHERE status.status = 'IN_PROGRESS' AND lease.token IS NULL
    GROUP BY status.stage ORDER BY status.stage
"""
_WITHOUT_STATUS = """
    SELECT company.name || ': ' || count(*) || ' imported rows without a status' AS what
    FROM livedash.session_import AS session
    JOIN livedash.company ON company.id = session.company_id
    WHERE NOT EXISTS (
        SELECT FROM livedash.session_processing_status AS status WHERE status.session_id = session.id
    )
    GROUP BY company.name ORDER BY company.name
"""
_WITHOUT_CSV = """
    SELECT name || ' is ACTIVE but has no CSV' AS what
    FROM livedash.company WHERE status = 'ACTIVE' AND csv_url IS NULL ORDER BY name
"""

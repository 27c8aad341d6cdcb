"""A session as lists show it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

#: Characters of a company's text that a list shows.
MAX_CHARACTERS = 200


class ListedSession(NamedTuple):
    """A session in a list, long texts cut off.

    ``statuses`` is stage → status, with WAITING for a PENDING stage behind an unfinished one.
    """

    id: UUID
    company: str
    external_session_id: str
    started_at: datetime | None
    language: str | None
    sentiment: str | None
    category: str | None
    escalated: bool | None
    forwarded_hr: bool | None
    outcome: str | None
    missing: str | None
    outcome_reason: str | None
    summary: str | None
    statuses: dict[str, str]
    #: Why stages failed or were skipped: stage → the message or the reason.
    reasons: dict[str, str]


#: What a list's query joins to ``session_import AS imported``, and the columns that it selects.
JOINS = """
    JOIN livedash.company ON company.id = imported.company_id
    LEFT JOIN livedash.session AS analysed ON analysed.id = imported.id
"""
COLUMNS = f"""
    imported.id, left(company.name, {MAX_CHARACTERS}) AS company,
    left(imported.external_session_id, {MAX_CHARACTERS}) AS external_session_id, imported.started_at,
    analysed.language, analysed.sentiment, analysed.category, analysed.escalated, analysed.forwarded_hr,
    analysed.outcome, analysed.missing, left(analysed.outcome_reason, {MAX_CHARACTERS}) AS outcome_reason,
    left(coalesce(analysed.summary, imported.initial_message), {MAX_CHARACTERS}) AS summary
"""


def read_listed(connection: Connection, rows: Iterable[Any]) -> list[ListedSession]:
    """Read the statuses of sessions, and add them to the rows with ``COLUMNS``."""
    rows = list(rows)
    statuses: dict[UUID, dict[str, str]] = {}
    reasons: dict[UUID, dict[str, str]] = {}
    for session_id, stage, status, reason in connection.execute(_STATUSES, {"ids": [row.id for row in rows]}):
        statuses.setdefault(session_id, {})[stage] = status
        if reason is not None:
            reasons.setdefault(session_id, {})[stage] = reason
    return [
        ListedSession(**_columns(row), statuses=statuses.get(row.id, {}), reasons=reasons.get(row.id, {}))
        for row in rows
    ]


_STATUSES = text(
    """
    SELECT session_id, stage, CASE WHEN status = 'PENDING' AND available_at = 'infinity' THEN 'WAITING' ELSE status END,
           CASE status WHEN 'FAILED' THEN error_message WHEN 'SKIPPED' THEN metadata ->> 'reason' END
    FROM livedash.session_processing_status WHERE session_id = ANY (CAST(:ids AS uuid[]))
    """
)


def _columns(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name in ListedSession._fields}

"""The sessions whose transcript was read with doubts: their number, and the newest of them with their notes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.models.status import HAS_DOUBTS
from livedash_core.parsing.transcript_notes import in_words


class NotedSession(NamedTuple):
    """A session with the notes of its transcript, in words."""

    session_id: UUID
    company: str
    external_session_id: str
    read_at: datetime
    notes: list[str]


def count_noted(connection: Connection, company_ids: Sequence[UUID] | None = None) -> int:
    """How many sessions of these companies, or of all, have such notes. Reads an index of them alone."""
    return connection.scalar(text(f"SELECT count(*) {_FROM}"), _parameters(company_ids)) or 0


def list_noted(
    connection: Connection, company_ids: Sequence[UUID] | None = None, *, limit: int | None = None
) -> list[NotedSession]:
    """The sessions with notes, those that were read last first."""
    rows: list[Any] = list(connection.execute(_LIST, {**_parameters(company_ids), "limit": limit}))
    return [
        NotedSession(row.session_id, row.company, row.external_session_id, row.completed_at, in_words(row.metadata))
        for row in rows
    ]


def _parameters(company_ids: Sequence[UUID] | None) -> dict[str, Any]:
    return {"company_ids": None if company_ids is None else list(company_ids)}


_FROM = f"""
    FROM livedash.session_processing_status AS status
    WHERE {HAS_DOUBTS}
      AND (CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[])))
"""
_LIST = text(
    f"""
    SELECT noted.session_id, company.name AS company, row.external_session_id, noted.completed_at, noted.metadata
    FROM (
        SELECT session_id, company_id, completed_at, metadata {_FROM} ORDER BY completed_at DESC LIMIT :limit
    ) AS noted
    JOIN livedash.company ON company.id = noted.company_id
    JOIN livedash.session_import AS row ON row.id = noted.session_id
    ORDER BY noted.completed_at DESC, noted.session_id
    """  # noqa: S608 - made of constants
)

"""The source's sessions and imports that can be migrated, and which of them were migrated before."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from livedash_core.errors import PermanentError
from livedash_core.livedash_node_migration.ids import target_id
from livedash_core.parsing.session_times import Times, interpret

#: livedash-node reads all times as UTC; it has no time zone per company.
ZONE = ZoneInfo("UTC")


class Candidate(NamedTuple):
    """A row of ``candidates.sql`` with its ids in the target and, for an import without a session, its times."""

    id: UUID
    company_id: UUID
    external_id: str
    session_id: str | None
    import_id: str | None
    times: Times | None = None
    problem: str | None = None


def candidate(row: Any, companies: Mapping[str, UUID]) -> Candidate:
    """Make a candidate of a row of ``candidates.sql``; parse the times of an import that has no session."""
    found = Candidate(
        target_id(row.session_id or row.import_id),
        companies[row.company_id],
        row.external_id,
        row.session_id,
        row.import_id,
    )
    if row.session_id is not None:
        return found
    try:
        return found._replace(times=interpret(row.start_time, row.end_time, ZONE))
    except PermanentError as error:
        return found._replace(problem=str(error))


class Partition(NamedTuple):
    """Candidates by what the target has: ``existing`` ones were migrated before, and have the ids that they got then;
    for each of the ``conflicts`` the target has another session with the same external id.
    """

    new: list[Candidate]
    existing: list[Candidate]
    conflicts: list[Candidate]


def partition(connection: Connection, candidates: list[Candidate]) -> Partition:
    """Look candidates up in the target, by the session's id or, if they had no session then, by the import's."""
    ids = {target_id(source_id) for one in candidates for source_id in _source_ids(one)}
    parameters = {
        "ids": list(ids),
        "company_ids": [one.company_id for one in candidates],
        "external_ids": [one.external_id for one in candidates],
    }
    known = {row.id: (row.company_id, row.external_session_id) for row in connection.execute(_KNOWN, parameters)}
    taken = set(known.values())
    parts = Partition([], [], [])
    for one in candidates:
        same = next((target_id(source_id) for source_id in _source_ids(one) if target_id(source_id) in known), None)
        if same is not None:
            parts.existing.append(one._replace(id=same))
        elif (one.company_id, one.external_id) in taken:
            parts.conflicts.append(one)
        else:
            parts.new.append(one)
    return parts


def _source_ids(one: Candidate) -> list[str]:
    return [source_id for source_id in (one.session_id, one.import_id) if source_id is not None]


def chunk_json(
    candidates: list[Candidate], sessions: Collection[UUID] = (), analyses: Mapping[UUID, int] | None = None
) -> str:
    """Return the JSON of ``source.chunk``: ``sessions`` get a row of ``session``, ``analyses`` have an analysis id."""
    return json.dumps(
        [
            {
                "id": str(one.id),
                "company_id": str(one.company_id),
                "external_id": one.external_id,
                "session_id": one.session_id,
                "import_id": one.import_id,
                "started_at": one.times and one.times.started_at.isoformat(),
                "ended_at": one.times and one.times.ended_at.isoformat(),
                "is_session": one.id in sessions,
                "analysis_id": (analyses or {}).get(one.id),
            }
            for one in candidates
        ]
    )


_KNOWN = text(
    """
    SELECT id, company_id, external_session_id FROM livedash.session_import WHERE id = ANY (CAST(:ids AS uuid[]))
    UNION
    SELECT session.id, session.company_id, session.external_session_id
    FROM unnest(CAST(:company_ids AS uuid[]), CAST(:external_ids AS text[])) AS candidate (company_id, external_id)
    JOIN livedash.session_import AS session
      ON session.company_id = candidate.company_id AND session.external_session_id = candidate.external_id
    """
)

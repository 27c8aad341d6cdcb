"""Who of the old database's sessions and imports becomes a session here, and who is one already."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, text

from livedash_core.errors import PermanentError
from livedash_core.livedash_node_migration.ids import our_id
from livedash_core.parsing.session_times import Times, interpret

#: livedash-node reads every company's times alike; ours has a zone per company, UTC until somebody says another.
ZONE = ZoneInfo("UTC")


class Candidate(NamedTuple):
    """A row of ``candidates.sql`` that becomes a session here, with our ids and, if it never was one, its times."""

    id: UUID
    company_id: UUID
    external_id: str
    session_id: str | None
    import_id: str | None
    times: Times | None = None
    problem: str | None = None


def candidate(row: Any, companies: Mapping[str, UUID]) -> Candidate:
    """What a row of ``candidates.sql`` is here. A session knows its times; those of an import are read."""
    found = Candidate(
        our_id(row.session_id or row.import_id),
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


class Sorted(NamedTuple):
    """``here`` moved in before and have the id they have here; ``strangers`` would take the place of another."""

    new: list[Candidate]
    here: list[Candidate]
    strangers: list[Candidate]


def sort(connection: Connection, candidates: list[Candidate]) -> Sorted:
    """Look who is here already: under the id of the session or, if it was none then, of the import."""
    ids = {our_id(old_id) for one in candidates for old_id in _old_ids(one)}
    parameters = {
        "ids": list(ids),
        "company_ids": [one.company_id for one in candidates],
        "external_ids": [one.external_id for one in candidates],
    }
    known = {row.id: (row.company_id, row.external_session_id) for row in connection.execute(_KNOWN, parameters)}
    taken = set(known.values())
    found = Sorted([], [], [])
    for one in candidates:
        same = next((our_id(old_id) for old_id in _old_ids(one) if our_id(old_id) in known), None)
        if same is not None:
            found.here.append(one._replace(id=same))
        elif (one.company_id, one.external_id) in taken:
            found.strangers.append(one)
        else:
            found.new.append(one)
    return found


def _old_ids(one: Candidate) -> list[str]:
    return [old_id for old_id in (one.session_id, one.import_id) if old_id is not None]


def chosen_json(
    candidates: list[Candidate], sessions: Collection[UUID] = (), analyses: Mapping[UUID, int] | None = None
) -> str:
    """The JSON that ``old.chosen`` reads (shape.py): ``sessions`` have a row of ``session``, ``analyses`` its id."""
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
    FROM unnest(CAST(:company_ids AS uuid[]), CAST(:external_ids AS text[])) AS wanted (company_id, external_id)
    JOIN livedash.session_import AS session
      ON session.company_id = wanted.company_id AND session.external_session_id = wanted.external_id
    """
)

"""Why sessions wait for a person: failures by stage, kind and reason, exact, without looking at the failed rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.status.statements import statement


class FailureGroup(NamedTuple):
    """Sessions that failed in one stage for one reason: ``error_group`` is the message as ``failure_group`` folds it.

    The times are those of the first and the last such failure since nobody was in the group; ``company_ids`` are whose
    sessions they are, the company with most of them first.
    """

    stage: str
    error_kind: str
    error_group: str
    sessions: int
    first_seen_at: datetime
    last_seen_at: datetime
    company_ids: tuple[UUID, ...]


def list_failure_groups(
    connection: Connection, company_ids: Iterable[UUID] | None = None, *, stage: str | None = None
) -> list[FailureGroup]:
    """All groups of all companies or some, of all stages or one; the largest first."""
    wanted = {"company_ids": None if company_ids is None else list(company_ids), "stage": stage}
    rows = connection.execute(statement("failure_groups"), wanted)
    return [
        FailureGroup(found_in, kind, reason, int(sessions), first, last, tuple(companies))
        for found_in, kind, reason, sessions, first, last, companies in rows
    ]


def recount_failures(connection: Connection) -> dict[tuple[str, str, str], int]:
    """(stage, kind, group) → sessions, by looking at every failed row: the proof, slow when there are many."""
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(statement("recount_failures"))}

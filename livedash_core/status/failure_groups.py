"""FAILED sessions by stage, kind and reason, counted exactly without reading their rows."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.status.statements import statement


class FailureGroup(NamedTuple):
    """Sessions that failed in one stage for one reason.

    ``error_group`` is the message after ``failure_group``. The times are those of the first and last failure since the
    group was last empty. ``company_ids`` are the companies of the sessions, the one with most sessions first.
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
    """List the failure groups of all companies or some, of all stages or one, the largest first."""
    parameters = {"company_ids": None if company_ids is None else list(company_ids), "stage": stage}
    rows = connection.execute(statement("failure_groups"), parameters)
    return [
        FailureGroup(failed_stage, kind, group, int(sessions), first, last, tuple(companies))
        for failed_stage, kind, group, sessions, first, last, companies in rows
    ]


def recount_failures(connection: Connection) -> dict[tuple[str, str, str], int]:
    """Count (stage, kind, group) → sessions from all FAILED rows, to verify the counts; slow if there are many."""
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(statement("recount_failures"))}

"""FAILED sessions by stage, kind and reason, counted exactly without reading their rows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.status.breakdown import MAX_WINDOW_SESSIONS
from livedash_core.status.scope import Scope
from livedash_core.status.statements import statement


class FailureGroup(NamedTuple):
    """Sessions that failed in one stage for one reason.

    ``error_group`` is the message after ``failure_group``. The times are those of the first and last failure since the
    group was last empty. ``company_ids`` are the companies of the sessions, the one with most sessions first. ``days``
    are day (UTC, as text) → the number of sessions that failed on it, for the last month.
    """

    stage: str
    error_kind: str
    error_group: str
    sessions: int
    first_seen_at: datetime
    last_seen_at: datetime
    company_ids: tuple[UUID, ...]
    days: Mapping[str, int]
    #: In a window, some of the sessions that failed last.
    newest: tuple[UUID, ...] = ()


def list_failure_groups(
    connection: Connection, company_ids: Iterable[UUID] | None = None, *, stage: str | None = None
) -> list[FailureGroup]:
    """List the failure groups of all companies or some, of all stages or one, the largest first."""
    parameters = {"company_ids": None if company_ids is None else list(company_ids), "stage": stage}
    rows = connection.execute(statement("failure_groups"), parameters)
    return [
        FailureGroup(failed_stage, kind, group, int(sessions), first, last, tuple(companies), _summed(days))
        for failed_stage, kind, group, sessions, first, last, companies, days in rows
    ]


def list_failure_groups_in_window(connection: Connection, scope: Scope) -> list[FailureGroup] | None:
    """List the failure groups of the sessions that started in the scope's window, the largest first.

    ``None`` if there are more than ``MAX_WINDOW_SESSIONS`` sessions: the counts are not kept by the session's start, so
    each session is read.
    """
    parameters = scope.parameters()
    rows = connection.execute(
        statement("failure_groups_in_window"),
        {
            **{name: parameters[name] for name in ("company_ids", "started_from", "started_before")},
            "at_most": MAX_WINDOW_SESSIONS + 1,
        },
    ).all()
    if rows and rows[0].read > MAX_WINDOW_SESSIONS:
        return None
    found: dict[tuple[str, str, str], list[Any]] = {}
    for row in rows:
        if row.stage is not None:
            found.setdefault((row.stage, row.error_kind, row.error_group), []).append(row)
    groups = []
    for (stage, kind, group), parts in found.items():
        companies: Counter[UUID] = Counter()
        for row in parts:
            companies[row.company_id] += row.sessions
        days = _summed({row.day: row.sessions} for row in parts)
        first, last = min(row.first_seen_at for row in parts), max(row.last_seen_at for row in parts)
        ids = tuple(company for company, _ in companies.most_common())
        newest = max(parts, key=lambda row: row.last_seen_at).newest
        found_group = FailureGroup(stage, kind, group, companies.total(), first, last, ids, days, tuple(newest))
        groups.append(found_group)
    return sorted(groups, key=lambda group: (-group.sessions, *group[:3]))


def _summed(days: Iterable[Any]) -> dict[str, int]:
    """Add up numbers per day, in lists of lists as SQL returns them."""
    total: Counter[str] = Counter()
    for part in days:
        total.update(part if isinstance(part, Mapping) else _summed(part))
    return dict(sorted(total.items()))


def recount_failures(connection: Connection) -> dict[tuple[str, str, str], int]:
    """Count (stage, kind, group) → sessions from all FAILED rows, to verify the counts; slow if there are many."""
    return {(row[0], row[1], row[2]): row[3] for row in connection.execute(statement("recount_failures"))}

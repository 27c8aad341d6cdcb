"""Lists of sessions, page by page. A page reads a bounded number of sessions, whatever the filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.errors import UsageError
from livedash_core.operations.session_filter import SessionFilter, Source, remaining_conditions, sources
from livedash_core.pipeline import Pipeline

#: The most sessions that a page reads when no index covers the whole filter.
MAX_READ = 1000
#: Characters of a company's text that a list shows.
MAX_CHARACTERS = 200
_FIRST = ("infinity", UUID(int=2**128 - 1))


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


class Cursor(NamedTuple):
    """The session after which the next page begins, and its source."""

    source: int
    at: str
    id: UUID

    def __str__(self) -> str:
        return f"{self.source}~{self.at}~{self.id}"

    @classmethod
    def parse(cls, written: str) -> Cursor:
        """Read a cursor from its text. Raises ``UsageError`` for other text."""
        try:
            source, at, session_id = written.split("~")
            if at not in ("infinity", "-infinity"):
                at = str(datetime.fromisoformat(at))
            return cls(int(source), at, UUID(session_id))
        except ValueError:
            raise UsageError("that page does not exist; begin at the first one") from None


class Page(NamedTuple):
    """One page of a list, and the order of its sessions in words.

    ``sessions_read`` is set if the page ended because it had read so many sessions, not because it was full.
    """

    sessions: list[ListedSession]
    order: str
    next: Cursor | None
    sessions_read: int | None = None


def list_sessions(
    connection: Connection, wanted: SessionFilter, pipeline: Pipeline, *, after: Cursor | None, size: int
) -> Page:
    """Read one page of ``wanted``. Raises ``UsageError`` for a cursor of another list."""
    ranges = sources(wanted, pipeline)
    number, at, before = after or (0, *_FIRST)
    if not ranges:
        return Page([], "", None)
    if not 0 <= number < len(ranges):
        raise UsageError("that page does not exist; begin at the first one")
    order = ranges[number].order
    rows: list[Any] = []
    while number < len(ranges):
        source, missing = ranges[number], size - len(rows)
        part, last = _read_source(connection, wanted, pipeline, source, (at, before), missing)
        rows += [(number, row) for row in part]
        if last is not None:
            return Page(_listed(connection, rows), order, Cursor(number, *last), MAX_READ)
        if len(part) > missing:
            break
        number, (at, before) = number + 1, _FIRST
    shown = rows[:size]
    more = Cursor(shown[-1][0], shown[-1][1].at, shown[-1][1].id) if len(rows) > size else None
    return Page(_listed(connection, shown), order, more)


def all_sessions(
    connection: Connection, wanted: SessionFilter, pipeline: Pipeline, *, limit: int
) -> Iterator[ListedSession]:
    """Iterate over the pages of a list, up to ``limit`` sessions."""
    after, count = None, 0
    while count < limit:
        page = list_sessions(connection, wanted, pipeline, after=after, size=min(500, limit - count))
        yield from page.sessions
        count, after = count + len(page.sessions), page.next
        if after is None:
            return


def find_by_id(connection: Connection, wanted: str, company_ids: Sequence[UUID]) -> list[ListedSession]:
    """Find sessions by id or external id; several companies may use the same external id."""
    ours = None
    with suppress(ValueError):
        ours = UUID(wanted)
    query = f"""
        SELECT {_COLUMNS}, '' AS at
        FROM livedash.session_import AS imported {_JOINS}
        WHERE imported.company_id = ANY (CAST(:company_ids AS uuid[]))
          AND (imported.id = :ours OR imported.external_session_id = :wanted)
        ORDER BY imported.id DESC LIMIT 100
    """  # noqa: S608 - made of constants
    parameters = {"ours": ours, "wanted": wanted.replace("\x00", ""), "company_ids": list(company_ids)}
    return _listed(connection, [(0, row) for row in connection.execute(text(query), parameters)])


_JOINS = """
    JOIN livedash.company ON company.id = imported.company_id
    LEFT JOIN livedash.session AS analysed ON analysed.id = imported.id
"""
_COLUMNS = f"""
    imported.id, left(company.name, {MAX_CHARACTERS}) AS company,
    left(imported.external_session_id, {MAX_CHARACTERS}) AS external_session_id, imported.started_at,
    analysed.language, analysed.sentiment, analysed.category, analysed.escalated, analysed.forwarded_hr,
    analysed.outcome, analysed.missing, left(analysed.outcome_reason, {MAX_CHARACTERS}) AS outcome_reason,
    left(coalesce(analysed.summary, imported.initial_message), {MAX_CHARACTERS}) AS summary
"""


def _read_source(
    connection: Connection,
    wanted: SessionFilter,
    pipeline: Pipeline,
    source: Source,
    begin: tuple[str, UUID],
    missing: int,
) -> tuple[list[Any], tuple[str, UUID] | None]:
    """Read up to ``missing`` + 1 rows after ``begin``; with the last key if it stopped after ``MAX_READ`` sessions."""
    conditions = remaining_conditions(wanted, source)
    at, session_id = begin
    parameters = {
        **wanted.parameters(),
        "stage": source.stage,
        "completed_stage": next(reversed(wanted.stages(pipeline)), pipeline.last),
        "at": at,
        "session_id": session_id,
        "max_read": MAX_READ if conditions else missing + 1,
        "limit": missing + 1,
    }
    keys = _keys(source)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    query = f"""
        WITH keys AS MATERIALIZED ({keys})
        SELECT {_COLUMNS}, keys.at::text AS at
        FROM keys JOIN livedash.session_import AS imported ON imported.id = keys.id {_JOINS} {where}
        ORDER BY keys.at DESC, keys.id DESC LIMIT :limit
    """  # noqa: S608 - made of constants
    rows = list(connection.execute(text(query), parameters))
    if not conditions or len(rows) > missing:
        return rows, None
    last = connection.execute(text(f"{keys} OFFSET :max_read - 1"), parameters).first()
    return rows, (str(last.at), last.id) if last else None


def _keys(source: Source) -> str:
    after = f"({source.at}, {source.id}) < (CAST(:at AS timestamptz), CAST(:session_id AS uuid))"
    order = f"{source.at} DESC, {source.id} DESC"
    if source.by_id:
        after, order = f"{source.id} < CAST(:session_id AS uuid)", f"{source.id} DESC"
    wanted = f"""
        SELECT {source.at} AS at, {source.id} AS id FROM {source.tables}
        WHERE {source.conditions} AND {after}
        ORDER BY {order} LIMIT :max_read
    """  # noqa: S608 - made of constants
    if not source.per_company:
        return wanted
    return f"""
        SELECT keys.at, keys.id
        FROM (
            SELECT id, timezone FROM livedash.company
            WHERE CAST(:company_ids AS uuid[]) IS NULL OR id = ANY (CAST(:company_ids AS uuid[]))
        ) AS company
        CROSS JOIN LATERAL ({wanted}) AS keys
        ORDER BY keys.at DESC, keys.id DESC LIMIT :max_read
    """  # noqa: S608 - made of constants


def _listed(connection: Connection, rows: Sequence[tuple[int, Any]]) -> list[ListedSession]:
    statuses: dict[UUID, dict[str, str]] = {}
    for session_id, stage, status in connection.execute(_STATUSES, {"ids": [row.id for _, row in rows]}):
        statuses.setdefault(session_id, {})[stage] = status
    return [ListedSession(**_columns(row), statuses=statuses.get(row.id, {})) for _, row in rows]


_STATUSES = text(
    """
    SELECT session_id, stage, CASE WHEN status = 'PENDING' AND available_at = 'infinity' THEN 'WAITING' ELSE status END
    FROM livedash.session_processing_status WHERE session_id = ANY (CAST(:ids AS uuid[]))
    """
)


def _columns(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "at"}

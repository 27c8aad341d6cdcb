"""Sessions in pages. Whatever is asked for among a million sessions, a page looks at a bounded number of them."""

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

#: Sessions that a page looks at, at most, when its index cannot tell all that was asked for.
LOOKED_AT = 1000
#: Of texts that companies wrote, shown in a list.
MAX_CHARACTERS = 200
_FIRST = ("infinity", UUID(int=2**128 - 1))


class ListedSession(NamedTuple):
    """A session in a list; texts are cut off. ``standing`` is stage → status, PENDING behind an open stage WAITING."""

    id: UUID
    company: str
    external_session_id: str
    started_at: datetime | None
    language: str | None
    sentiment: str | None
    category: str | None
    escalated: bool | None
    forwarded_hr: bool | None
    summary: str | None
    standing: dict[str, str]


class Cursor(NamedTuple):
    """Where the next page begins: after this session of this source."""

    source: int
    at: str
    id: UUID

    def __str__(self) -> str:
        return f"{self.source}~{self.at}~{self.id}"

    @classmethod
    def parse(cls, written: str) -> Cursor:
        """The other way. Raises ``UsageError`` for what was not written by us."""
        try:
            source, at, session_id = written.split("~")
            if at not in ("infinity", "-infinity"):
                at = str(datetime.fromisoformat(at))
            return cls(int(source), at, UUID(session_id))
        except ValueError:
            raise UsageError("that page does not exist; begin at the first one") from None


class Page(NamedTuple):
    """``looked_at`` is set when the page ended because so many sessions were looked at, not because it was full."""

    sessions: list[ListedSession]
    order: str
    next: Cursor | None
    looked_at: int | None = None


def list_sessions(
    connection: Connection, wanted: SessionFilter, pipeline: Pipeline, *, after: Cursor | None, size: int
) -> Page:
    """One page of ``wanted``. Raises ``UsageError`` for a cursor of another list."""
    found = sources(wanted, pipeline)
    number, at, before = after or (0, *_FIRST)
    if not found:
        return Page([], "", None)
    if not 0 <= number < len(found):
        raise UsageError("that page does not exist; begin at the first one")
    order = found[number].order
    rows: list[Any] = []
    while number < len(found):
        source, missing = found[number], size - len(rows)
        part, last, looked_at = _walk(connection, wanted, pipeline, source, (at, before), missing)
        rows += [(number, row) for row in part]
        if looked_at is not None and last is not None:
            return Page(_listed(connection, rows), order, Cursor(number, *last), looked_at)
        if len(part) > missing:
            break
        number, (at, before) = number + 1, _FIRST
    shown = rows[:size]
    more = Cursor(shown[-1][0], shown[-1][1].at, shown[-1][1].id) if len(rows) > size else None
    return Page(_listed(connection, shown), order, more)


def all_sessions(
    connection: Connection, wanted: SessionFilter, pipeline: Pipeline, *, most: int
) -> Iterator[ListedSession]:
    """Page after page, at most ``most`` sessions."""
    after, given = None, 0
    while given < most:
        page = list_sessions(connection, wanted, pipeline, after=after, size=min(500, most - given))
        yield from page.sessions
        given, after = given + len(page.sessions), page.next
        if after is None:
            return


def find_by_id(connection: Connection, wanted: str, company_ids: Sequence[UUID]) -> list[ListedSession]:
    """Sessions with this id, ours or the source's; several companies may have given the same one."""
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
    left(coalesce(analysed.summary, imported.initial_message), {MAX_CHARACTERS}) AS summary
"""


def _walk(
    connection: Connection,
    wanted: SessionFilter,
    pipeline: Pipeline,
    source: Source,
    begin: tuple[str, UUID],
    missing: int,
) -> tuple[list[Any], tuple[str, UUID] | None, int | None]:
    """Up to ``missing`` + 1 rows after ``begin``; if fewer because enough was looked at: the last key, and how many."""
    conditions = remaining_conditions(wanted, source)
    at, session_id = begin
    parameters = {
        **wanted.parameters(),
        "stage": source.stage,
        "through": wanted.stage or pipeline.last,
        "at": at,
        "session_id": session_id,
        "look_at": LOOKED_AT if conditions else missing + 1,
        "limit": missing + 1,
    }
    keys = _keys(source)
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    query = f"""
        WITH walked AS MATERIALIZED ({keys})
        SELECT {_COLUMNS}, walked.at::text AS at
        FROM walked JOIN livedash.session_import AS imported ON imported.id = walked.id {_JOINS} {where}
        ORDER BY walked.at DESC, walked.id DESC LIMIT :limit
    """  # noqa: S608 - made of constants
    rows = list(connection.execute(text(query), parameters))
    if not conditions or len(rows) > missing:
        return rows, None, None
    last = connection.execute(text(f"{keys} OFFSET :look_at - 1"), parameters).first()
    return rows, (str(last.at), last.id) if last else None, LOOKED_AT if last else None


def _keys(source: Source) -> str:
    after = f"({source.at}, {source.id}) < (CAST(:at AS timestamptz), CAST(:session_id AS uuid))"
    order = f"{source.at} DESC, {source.id} DESC"
    if source.by_id:
        after, order = f"{source.id} < CAST(:session_id AS uuid)", f"{source.id} DESC"
    wanted = f"""
        SELECT {source.at} AS at, {source.id} AS id FROM {source.tables}
        WHERE {source.conditions} AND {after}
        ORDER BY {order} LIMIT :look_at
    """  # noqa: S608 - made of constants
    if not source.per_company:
        return wanted
    return f"""
        SELECT keys.at, keys.id
        FROM unnest(CAST(:company_ids AS uuid[])) AS company (id)
        CROSS JOIN LATERAL ({wanted}) AS keys
        ORDER BY keys.at DESC, keys.id DESC LIMIT :look_at
    """  # noqa: S608 - made of constants


def _listed(connection: Connection, rows: Sequence[tuple[int, Any]]) -> list[ListedSession]:
    statuses = connection.execute(_STANDING, {"ids": [row.id for _, row in rows]})
    standing: dict[UUID, dict[str, str]] = {}
    for session_id, stage, status in statuses:
        standing.setdefault(session_id, {})[stage] = status
    return [ListedSession(**_columns(row), standing=standing.get(row.id, {})) for _, row in rows]


_STANDING = text(
    """
    SELECT session_id, stage, CASE WHEN status = 'PENDING' AND available_at = 'infinity' THEN 'WAITING' ELSE status END
    FROM livedash.session_processing_status WHERE session_id = ANY (CAST(:ids AS uuid[]))
    """
)


def _columns(row: Any) -> dict[str, Any]:
    return {name: value for name, value in row._mapping.items() if name != "at"}

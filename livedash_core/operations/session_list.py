"""Lists of sessions, page by page. A page reads a bounded number of sessions, whatever the filter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.errors import UsageError
from livedash_core.full_text import MAX_MATCHES
from livedash_core.operations.listed_session import COLUMNS, JOINS, ListedSession, read_listed
from livedash_core.operations.session_filter import MATCHED, SessionFilter, Source, remaining_conditions, sources
from livedash_core.pipeline import Pipeline
from livedash_core.status import read_breakdown

#: The most sessions that a page reads when no index covers the whole filter.
MAX_READ = 1000
#: The same for words that so many sessions have that they are not listed first.
MAX_SEARCHED = 3000
#: So many ranges are compared with the kept counts before they are read.
MIN_COMPARED = 3
#: Counting stops here.
MAX_COUNTED = 10_000
_FIRST = ("infinity", UUID(int=2**128 - 1))
_LOWEST = ("-infinity", UUID(int=0))


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

    ``next`` and ``previous`` are the cursors of the neighbouring pages. ``sessions_read`` is set if the page ended
    because it had read so many sessions, not because it was full.
    """

    sessions: list[ListedSession]
    order: str
    next: Cursor | None
    previous: Cursor | None = None
    sessions_read: int | None = None
    #: The place of each session in the list.
    cursors: Sequence[Cursor] = ()


class Count(NamedTuple):
    """The number of sessions in a list; at least so many if it is not ``exact``."""

    sessions: int
    exact: bool


def list_sessions(
    connection: Connection,
    wanted: SessionFilter,
    pipeline: Pipeline,
    *,
    after: Cursor | None = None,
    before: Cursor | None = None,
    size: int,
    oldest_first: bool = False,
) -> Page:
    """Read one page of ``wanted``: the first, that after or that before a session.

    Raises ``UsageError`` for a cursor of another list.
    """
    ranges = sources(wanted, pipeline)
    if not ranges:
        return Page([], "", None)
    ascending = oldest_first != (before is not None)
    numbers = range(len(ranges) - 1, -1, -1) if ascending else range(len(ranges))
    begin = _LOWEST if ascending else _FIRST
    cursor = before or after or Cursor(numbers[0], *begin)
    if cursor.source not in numbers:
        raise UsageError("that page does not exist; begin at the first one")
    order = ranges[cursor.source].order
    empty = _empty(connection, wanted, ranges, pipeline)
    rows: list[tuple[int, Any]] = []
    stopped: Cursor | None = None
    key = (cursor.at, cursor.id)
    for number in numbers[numbers.index(cursor.source) :]:
        source, missing = ranges[number], size - len(rows)
        if source in empty:
            key = begin
            continue
        part, last = _read_source(connection, wanted, pipeline, source, key, missing, ascending=ascending)
        rows += [(number, row) for row in part]
        if last is not None:
            stopped = Cursor(number, *last)
            break
        if len(part) > missing:
            break
        key = begin
    shown = rows[:size]
    ends = [Cursor(number, row.at, row.id) for number, row in (*shown[:1], *shown[-1:])]
    more = stopped or (ends[-1] if len(rows) > size else None)
    read = _max_read(wanted, ranges[stopped.source]) if stopped else None
    order = _from_the_end(order) if oldest_first else order
    cursors = [Cursor(number, str(row.at), row.id) for number, row in shown]
    listed = read_listed(connection, [row for _, row in shown])
    if before is not None:
        # What was read lies before the page that was left, in the order of the list from the end of it.
        return Page(listed[::-1], order, ends[0] if ends else None, more, read, cursors[::-1])
    return Page(listed, order, more, ends[0] if after and ends else None, read, cursors)


def count_sessions(connection: Connection, wanted: SessionFilter, pipeline: Pipeline) -> Count | None:
    """Count the sessions of a list, as far as that takes no longer than reading a page.

    None if more sessions have the words of the list, or belong to its topic, than can be counted.
    """
    if (wanted.words is not None or wanted.topic_id is not None) and wanted.matches is None:
        return None
    ranges = sources(wanted, pipeline)
    is_covered = ranges == [MATCHED] and not wanted.scope.names_sessions and not remaining_conditions(wanted, MATCHED)
    # A topic's sessions are counted below: they may be of a company outside of the scope.
    if wanted.words is not None and wanted.matches is not None and is_covered:
        return Count(len(wanted.matches), exact=True)
    total = 0
    empty = _empty(connection, wanted, ranges, pipeline)
    for source in ranges:
        if source in empty:
            continue
        conditions = remaining_conditions(wanted, source)
        most = _max_read(wanted, source) if conditions else MAX_COUNTED
        keys = _keys(source, ascending=False, limit=":most + 1", any_order=True, only_counted=not conditions)
        where = " AND ".join(["imported.id = keys.id", *conditions])
        # OFFSET 0 looks up each session by its id; a join may read the whole table to hash it.
        joined = f"""CROSS JOIN LATERAL (
            SELECT FROM livedash.session_import AS imported {JOINS} WHERE {where} OFFSET 0
        ) AS found"""
        query = f"""
            WITH keys AS MATERIALIZED ({keys})
            SELECT (SELECT count(*) FROM keys) AS read,
                   (SELECT count(*) FROM keys {joined if conditions else ""}) AS counted
        """  # noqa: S608 - made of constants
        parameters = {**_parameters(wanted, pipeline, source), "most": most - total if not conditions else most}
        row = connection.execute(text(query), parameters).one()
        total += row.counted
        if row.read > parameters["most"]:
            return Count(min(total, MAX_COUNTED), exact=False)
    return Count(total, exact=True)


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


def _read_source(
    connection: Connection,
    wanted: SessionFilter,
    pipeline: Pipeline,
    source: Source,
    begin: tuple[str, UUID],
    missing: int,
    *,
    ascending: bool,
) -> tuple[list[Any], tuple[str, UUID] | None]:
    """Read up to ``missing`` + 1 rows after ``begin``; with the last key if it stopped after so many sessions."""
    conditions = remaining_conditions(wanted, source)
    at, session_id = begin
    max_read = _max_read(wanted, source) if conditions else missing + 1
    parameters = {
        **_parameters(wanted, pipeline, source),
        "at": at,
        "session_id": session_id,
        "max_read": max_read,
        "limit": missing + 1,
    }
    direction = "ASC" if ascending else "DESC"
    order = f"ORDER BY keys.at {direction}, keys.id {direction}"
    where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
    # One row without an id if no session is found: the keys are read once, for the sessions and for the last key.
    query = f"""
        WITH keys AS MATERIALIZED ({_keys(source, ascending=ascending)})
        SELECT found.*, last.last_at, last.last_id
        FROM (VALUES (true)) AS always (is_there)
        LEFT JOIN (
            SELECT keys.at::text AS last_at, keys.id AS last_id FROM keys {order} LIMIT 1 OFFSET :max_read - 1
        ) AS last ON true
        LEFT JOIN (
            SELECT {COLUMNS}, keys.at::text AS at
            FROM keys JOIN livedash.session_import AS imported ON imported.id = keys.id {JOINS} {where}
            {order} LIMIT :limit
        ) AS found ON true
        ORDER BY CAST(found.at AS timestamptz) {direction}, found.id {direction}
    """  # noqa: S608 - made of constants
    first, *others = connection.execute(text(query), parameters)
    rows = [first, *others] if first.id is not None else []
    if not conditions or len(rows) > missing or first.last_id is None:
        return rows, None
    return rows, (first.last_at, first.last_id)


def _empty(
    connection: Connection, wanted: SessionFilter, ranges: Sequence[Source], pipeline: Pipeline
) -> frozenset[Source]:
    """The ranges without a session, by the kept counts.

    What waits for the last of five stages can be in sixteen ranges, of which most are empty; each takes as long to read
    as all counts together.
    """
    if len(ranges) < MIN_COMPARED:
        return frozenset()
    breakdown = read_breakdown(connection, pipeline, wanted.scope.company_ids)
    return frozenset(source for source in ranges if source.is_empty(breakdown))


def _max_read(wanted: SessionFilter, source: Source) -> int:
    """The most sessions that are read of ``source`` when it does not cover the whole filter."""
    if source is MATCHED:
        return MAX_MATCHES + 1
    return MAX_SEARCHED if wanted.words is not None else MAX_READ


def _parameters(wanted: SessionFilter, pipeline: Pipeline, source: Source) -> dict[str, Any]:
    return {
        **wanted.parameters(),
        "stage": source.stage,
        "completed_stage": next(reversed(wanted.stages(pipeline)), pipeline.last),
    }


def _keys(
    source: Source,
    *,
    ascending: bool,
    limit: str = ":max_read",
    any_order: bool = False,
    only_counted: bool = False,
) -> str:
    """The range of ``source`` after ``:at`` and ``:session_id``; in ``any_order`` all of it, without these.

    ``only_counted``: rows without a key, so that an index that lacks a part of it is enough to count them.
    """
    sign, direction = (">", "ASC") if ascending else ("<", "DESC")
    after = f"AND ({source.at}, {source.id}) {sign} (CAST(:at AS timestamptz), CAST(:session_id AS uuid))"
    order = f"ORDER BY {source.at} {direction}, {source.id} {direction}"
    if source.by_id:
        after, order = f"AND {source.id} {sign} CAST(:session_id AS uuid)", f"ORDER BY {source.id} {direction}"
    outer = f"ORDER BY keys.at {direction}, keys.id {direction}"
    if any_order:
        after = order = outer = ""
    at, session_id = ("NULL", "NULL") if only_counted else (source.at, source.id)
    wanted = f"""
        SELECT {at} AS at, {session_id} AS id FROM {source.tables}
        WHERE {source.conditions} {after}
        {order} LIMIT {limit}
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
        {outer} LIMIT {limit}
    """  # noqa: S608 - made of constants


def _from_the_end(order: str) -> str:
    """The words for the opposite of an order."""
    for word, opposite in (("most recently", "least recently"), ("latest", "earliest"), ("last first", "first first")):
        order = order.replace(word, opposite)
    return order

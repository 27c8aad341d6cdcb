"""Keeps the counts per day, and the same per month. Code that writes sessions or their questions does so in a context.

A context counts the sessions before and after the change and writes the difference, in the same transaction. It locks
the sessions first: an import or a new time zone may change one that a stage holds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from livedash_core.insights.buckets import DURATION_BOUNDS, RESPONSE_BOUNDS

Counts = Counter[tuple[Any, ...]]

#: The facets of a session. ``analyzer`` is "analyzer/model"; the model is empty for offline rules. ``hour`` is the half
#: hour of its start (UTC), ``duration`` and ``response_time`` are the numbers of their buckets.
_SESSIONS = f"""
    SELECT facet, company_id, (started_at AT TIME ZONE 'UTC')::date AS day, value, count(*) AS sessions
    FROM {{sessions}}
    CROSS JOIN LATERAL (VALUES
        ('session', ''),
        ('language', language),
        ('sentiment', sentiment),
        ('category', category),
        ('analysed', CASE WHEN analyzed_at IS NOT NULL THEN 'true' END),
        ('outcome', outcome),
        ('missing', missing),
        ('category_outcome', category || '/' || outcome),
        ('hour', to_char(date_bin('30 min', started_at, 'epoch') AT TIME ZONE 'UTC', 'HH24:MI')),
        ('duration', CASE WHEN ended_at > started_at THEN
            width_bucket(extract(epoch FROM ended_at - started_at), ARRAY{list(DURATION_BOUNDS)}::numeric[])::text END),
        ('response_time', CASE WHEN avg_response_time_seconds >= 0 THEN
            width_bucket(avg_response_time_seconds, ARRAY{list(RESPONSE_BOUNDS)}::numeric[])::text END),
        ('escalated', CASE WHEN escalated THEN 'true' END),
        ('forwarded_hr', CASE WHEN forwarded_hr THEN 'true' END),
        ('analyzer', analyzer || '/' || coalesce(model, ''))
    ) AS facets (facet, value)
    WHERE value IS NOT NULL
    GROUP BY facet, company_id, day, value
"""  # noqa: S608 - numbers of ours only
_QUESTIONS = """
    SELECT question_id, (started_at AT TIME ZONE 'UTC')::date AS day, count(*) AS sessions
    FROM {sessions} JOIN livedash.session_question ON session_id = session.id
    GROUP BY question_id, day
"""
# A query each instead of one with "OR all": a generic plan of that one would read all sessions.
_ALL = "livedash.session"
_THESE = "(SELECT * FROM livedash.session WHERE id = ANY (CAST(:ids AS uuid[]))) AS session"
_LOCKED = (
    "(SELECT * FROM livedash.session WHERE id = ANY (CAST(:ids AS uuid[])) ORDER BY id FOR NO KEY UPDATE) AS session"
)
_ADD_SESSIONS = text(
    """
    INSERT INTO livedash.session_day_count AS count (facet, company_id, day, value, sessions)
    SELECT * FROM unnest(CAST(:facet AS text[]), CAST(:company_id AS uuid[]), CAST(:day AS date[]),
                         CAST(:value AS text[]), CAST(:sessions AS bigint[]))
    ON CONFLICT (facet, company_id, day, value) DO UPDATE SET sessions = count.sessions + excluded.sessions
    """
)
_ADD_SESSION_MONTHS = text(
    """
    INSERT INTO livedash.session_month_count AS count (facet, company_id, month, value, sessions)
    SELECT facet, company_id, date_trunc('month', day)::date AS month, value, sum(sessions)
    FROM unnest(CAST(:facet AS text[]), CAST(:company_id AS uuid[]), CAST(:day AS date[]), CAST(:value AS text[]),
                CAST(:sessions AS bigint[])) AS change (facet, company_id, day, value, sessions)
    WHERE facet <> 'hour'
    GROUP BY facet, company_id, month, value HAVING sum(sessions) <> 0 ORDER BY facet, company_id, month, value
    ON CONFLICT (facet, company_id, month, value) DO UPDATE SET sessions = count.sessions + excluded.sessions
    """
)
_ADD_QUESTIONS = text(
    """
    WITH change AS (
        SELECT * FROM unnest(CAST(:question_id AS bigint[]), CAST(:day AS date[]), CAST(:sessions AS bigint[]))
            AS change (question_id, day, sessions)
    ), locked AS MATERIALIZED (
        SELECT id FROM livedash.question WHERE id IN (SELECT question_id FROM change) ORDER BY id FOR NO KEY UPDATE
    ), totals AS (
        UPDATE livedash.question SET sessions = question.sessions + change.sessions
        FROM (SELECT question_id, sum(sessions) AS sessions FROM change GROUP BY question_id) AS change
        JOIN locked ON locked.id = change.question_id
        WHERE question.id = change.question_id
    )
    INSERT INTO livedash.question_day_count AS count (question_id, day, sessions)
    SELECT question_id, day, sessions FROM change JOIN locked ON locked.id = question_id ORDER BY question_id, day
    ON CONFLICT (question_id, day) DO UPDATE SET sessions = count.sessions + excluded.sessions
    """
)
_ADD_QUESTION_MONTHS = text(
    """
    INSERT INTO livedash.question_month_count AS count (question_id, month, sessions)
    SELECT question_id, date_trunc('month', day)::date AS month, sum(sessions)
    FROM unnest(CAST(:question_id AS bigint[]), CAST(:day AS date[]), CAST(:sessions AS bigint[]))
        AS change (question_id, day, sessions)
    GROUP BY question_id, month HAVING sum(sessions) <> 0 ORDER BY question_id, month
    ON CONFLICT (question_id, month) DO UPDATE SET sessions = count.sessions + excluded.sessions
    """
)


@contextmanager
def counted_sessions(connection: Connection, session_ids: Iterable[UUID]) -> Iterator[None]:
    """Keep the counts while the block inserts, changes or deletes these rows of ``session``."""
    columns = ("facet", "company_id", "day", "value")
    with _difference(connection, _SESSIONS, session_ids, (_ADD_SESSIONS, _ADD_SESSION_MONTHS), columns):
        yield


@contextmanager
def counted_questions(connection: Connection, session_ids: Iterable[UUID], *, adds: bool = True) -> Iterator[None]:
    """Keep the counts while the block changes the questions of these sessions, or the day of their start.

    ``adds`` tells whether the block may add questions to a session that has none.
    """
    add = (_ADD_QUESTIONS, _ADD_QUESTION_MONTHS)
    with _difference(connection, _QUESTIONS, session_ids, add, ("question_id", "day"), adds=adds):
        yield


def recount(connection: Connection) -> tuple[Counts, Counts]:
    """Count sessions and questions per day from all rows, to verify the counts; slow on a large table."""
    return _count(connection, _SESSIONS, _ALL), _count(connection, _QUESTIONS, _ALL)


@contextmanager
def _difference(
    connection: Connection,
    query: str,
    session_ids: Iterable[UUID],
    add: tuple[TextClause, ...],
    columns: tuple[str, ...],
    *,
    adds: bool = True,
) -> Iterator[None]:
    ids = list(session_ids)
    before = _count(connection, query, _LOCKED, ids)
    yield
    if not before and not adds:
        return
    after = _count(connection, query, _THESE, ids)
    after.subtract(before)
    # Sorted, so that concurrent transactions lock the same counts in one order.
    changes = sorted((*key, number) for key, number in after.items() if number)
    if not changes:
        return
    parameters = dict(zip((*columns, "sessions"), map(list, zip(*changes, strict=True)), strict=True))
    for statement in add:  # days before months, in every transaction
        connection.execute(statement, parameters)


def _count(connection: Connection, query: str, sessions: str, ids: list[UUID] | None = None) -> Counts:
    rows = connection.execute(text(query.format(sessions=sessions)), {} if ids is None else {"ids": ids})
    return Counter({tuple(key): number for *key, number in rows})

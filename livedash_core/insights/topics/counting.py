"""Counts the sessions of topics: per day, in total on the topic's row, and those of each question on its member's row.

A session with two questions of a topic counts once. The counts are written by a pass and by each edit, from the rows of
``session`` and ``session_question``.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.insights.topics.locking import lock_topics
from livedash_core.models import Topic

#: SQL about a row of ``session``: whether it was not resolved, and how it ended.
NOT_RESOLVED = {
    "unresolved": "coalesce(session.outcome = 'UNRESOLVED', false)",
    "handed_over": "coalesce(session.outcome = 'HANDED_OVER', false)",
}
_COUNTED = f"""
    SELECT member.topic_id, (session.started_at AT TIME ZONE 'UTC')::date AS day, session.id, session.category,
           {", ".join(f"{value} AS {name}" for name, value in NOT_RESOLVED.items())}
    FROM livedash.topic_member AS member
    JOIN livedash.session_question AS asked ON asked.question_id = member.question_id
    JOIN livedash.session ON session.id = asked.session_id
    WHERE {{which}}
    GROUP BY member.topic_id, session.id
"""  # noqa: S608 - names of ours only
_DAYS = f"""
    SELECT topic_id, day, count(*) AS sessions, count(*) FILTER (WHERE unresolved) AS unresolved,
           count(*) FILTER (WHERE handed_over) AS handed_over
    FROM ({_COUNTED}) AS counted GROUP BY topic_id, day
"""  # noqa: S608 - as above
_TOTALS = f"""
    SELECT topic.id, coalesce(asked.questions, 0) AS questions, coalesce(total.sessions, 0) AS sessions,
           coalesce(total.unresolved, 0) AS unresolved,
           coalesce(total.handed_over, 0) AS handed_over, total.category
    FROM livedash.topic LEFT JOIN (
        SELECT topic_id, count(*) AS sessions, count(*) FILTER (WHERE unresolved) AS unresolved,
               count(*) FILTER (WHERE handed_over) AS handed_over, mode() WITHIN GROUP (ORDER BY category) AS category
        FROM ({_COUNTED}) AS counted GROUP BY topic_id
    ) AS total ON total.topic_id = topic.id LEFT JOIN (
        SELECT topic_id, count(*) AS questions FROM livedash.topic_member AS member WHERE {{which}} GROUP BY topic_id
    ) AS asked ON asked.topic_id = topic.id
    WHERE {{topics}}
"""  # noqa: S608 - as above
_REFRESH_DAYS = f"""
    WITH now AS MATERIALIZED ({_DAYS}), gone AS (
        DELETE FROM livedash.topic_day_count AS old
        USING livedash.topic
        WHERE topic.id = old.topic_id AND {{topics}}
          AND NOT EXISTS (SELECT FROM now WHERE now.topic_id = old.topic_id AND now.day = old.day)
    )
    INSERT INTO livedash.topic_day_count AS old (topic_id, day, sessions, unresolved, handed_over)
    SELECT * FROM now
    ON CONFLICT (topic_id, day) DO UPDATE
    SET sessions = excluded.sessions, unresolved = excluded.unresolved, handed_over = excluded.handed_over
    WHERE (old.sessions, old.unresolved, old.handed_over)
          IS DISTINCT FROM (excluded.sessions, excluded.unresolved, excluded.handed_over)
"""  # noqa: S608 - names of ours only
_REFRESH_TOTALS = f"""
    UPDATE livedash.topic SET questions = now.questions, sessions = now.sessions, unresolved = now.unresolved,
                              handed_over = now.handed_over, category = now.category
    FROM ({_TOTALS}) AS now
    WHERE now.id = topic.id AND (topic.questions, topic.sessions, topic.unresolved, topic.handed_over, topic.category)
          IS DISTINCT FROM (now.questions, now.sessions, now.unresolved, now.handed_over, now.category)
"""  # noqa: S608 - names of ours only
_REFRESH_MEMBERS = """
    UPDATE livedash.topic_member AS member SET sessions = question.sessions
    FROM livedash.question WHERE question.id = member.question_id AND member.sessions <> question.sessions AND {which}
"""
_COMPANY = {"which": "member.company_id = :company_id AND member.topic_id IS NOT NULL",
            "topics": "topic.company_id = :company_id"}  # fmt: skip
# Two queries instead of one with "OR all": a generic plan of that one would read all sessions.
_THESE = {"which": "member.topic_id = ANY (CAST(:topic_ids AS bigint[]))",
          "topics": "topic.id = ANY (CAST(:topic_ids AS bigint[]))"}  # fmt: skip


def refresh_counts(connection: Connection, company_id: UUID, topic_ids: Collection[int] | None = None) -> None:
    """Count the sessions of a company's topics, or of some of them, and write what has changed."""
    # First, so that no statement counts before a person's edit and then writes these counts over those of the edit.
    lock_topics(connection, Topic.company_id == company_id if topic_ids is None else Topic.id.in_(topic_ids))
    which = _COMPANY if topic_ids is None else _THESE
    parameters = {"company_id": company_id} if topic_ids is None else {"topic_ids": sorted(topic_ids)}
    for statement in (_REFRESH_MEMBERS, _REFRESH_DAYS, _REFRESH_TOTALS):
        connection.execute(text(statement.format(**which)), parameters)

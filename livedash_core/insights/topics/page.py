"""Reads the page of a topic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, text

from livedash_core.errors import UnknownTopic
from livedash_core.insights.periods import Period
from livedash_core.insights.topics.proposals import Proposal, list_proposals
from livedash_core.insights.topics.reading import TOPIC_NAME

#: The newest sessions of a topic from which languages, outcomes and chats are read.
NEWEST = 500
WORDINGS = 50
CHATS = 20


class TopicPage(NamedTuple):
    """A topic with its wordings, the facts of its newest sessions, its proposals and its log."""

    topic: Row[Any]
    #: Every day with sessions: day, sessions, unresolved, handed_over.
    days: Sequence[Row[Any]]
    #: The most asked: id, content, language, sessions, placed_by.
    wordings: Sequence[Row[Any]]
    #: Of the newest sessions: facet (language, outcome, sentiment), value, sessions.
    facets: Sequence[Row[Any]]
    #: The newest sessions: id, external_session_id, started_at, language, summary.
    chats: Sequence[Row[Any]]
    proposals: list[Proposal]
    #: The newest changes first: id, verb, topic_id, other_id, changes, made_by, made_at, undone_by, undone_at.
    log: Sequence[Row[Any]]


def read_topic(connection: Connection, topic_id: int, period: Period) -> TopicPage:
    """Read the page of a topic; ``period`` bounds its days. Raises ``UnknownTopic``."""
    parameters = {
        "topic_id": topic_id,
        "first": period.first,
        "last": period.last,
        "newest": NEWEST,
        "wordings": WORDINGS,
        "chats": CHATS,
    }

    def rows(query: str) -> Sequence[Row[Any]]:
        return connection.execute(text(query), parameters).all()

    found = rows(_TOPIC)
    if not found:
        raise UnknownTopic(topic_id)
    wordings = rows(_WORDINGS)
    parameters["session_ids"] = [row.session_id for row in rows(_NEWEST)]
    asked = [row.id for row in wordings]
    return TopicPage(
        found[0],
        rows(_DAYS),
        wordings,
        rows(_FACETS),
        rows(_CHATS),
        list_proposals(connection, found[0].company_id, limit=10, question_ids=asked),
        rows(_LOG),
    )


_TOPIC = f"""
    SELECT topic.*, {TOPIC_NAME} AS shown_name, company.name AS company
    FROM livedash.topic JOIN livedash.company ON company.id = topic.company_id WHERE topic.id = :topic_id
"""  # noqa: S608 - names of ours only
_DAYS = """
    SELECT day, sessions, unresolved, handed_over FROM livedash.topic_day_count
    WHERE topic_id = :topic_id AND day BETWEEN :first AND :last ORDER BY day
"""
_WORDINGS = """
    SELECT question.id, question.content, question.language, member.sessions, member.placed_by
    FROM livedash.topic_member AS member JOIN livedash.question ON question.id = member.question_id
    WHERE member.topic_id = :topic_id ORDER BY member.sessions DESC, member.question_id LIMIT :wordings
"""
#: Of the most asked wordings: a topic may have thousands, and the index gives each one's newest sessions.
_NEWEST = """
    SELECT DISTINCT newest.session_id FROM (
        SELECT question_id AS id FROM livedash.topic_member
        WHERE topic_id = :topic_id ORDER BY sessions DESC, question_id LIMIT :wordings
    ) AS asked CROSS JOIN LATERAL (
        SELECT session_id FROM livedash.session_question WHERE question_id = asked.id
        ORDER BY session_id DESC LIMIT :newest
    ) AS newest ORDER BY newest.session_id DESC LIMIT :newest
"""
_FACETS = """
    SELECT facet, value, count(*) AS sessions FROM livedash.session
    CROSS JOIN LATERAL (VALUES
        ('outcome', session.outcome), ('language', session.language), ('sentiment', session.sentiment),
        ('category', session.category)
    ) AS facets (facet, value)
    WHERE session.id = ANY (CAST(:session_ids AS uuid[])) AND value IS NOT NULL
    GROUP BY facet, value ORDER BY facet, sessions DESC, value
"""
_CHATS = """
    SELECT session.id, left(imported.external_session_id, 60) AS external_session_id, session.started_at,
           session.language, left(session.summary, 300) AS summary
    FROM (SELECT * FROM livedash.session WHERE id = ANY (CAST(:session_ids AS uuid[]))
          ORDER BY started_at DESC, id DESC LIMIT :chats) AS session
    JOIN livedash.session_import AS imported ON imported.id = session.id
    ORDER BY session.started_at DESC, session.id DESC
"""
_LOG = """
    SELECT * FROM livedash.topic_edit WHERE topic_id = :topic_id OR other_id = :topic_id ORDER BY id DESC LIMIT 50
"""

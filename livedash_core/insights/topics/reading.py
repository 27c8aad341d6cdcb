"""Reads topics for pages, commands and exports: from the topics' own counts, never from all sessions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, text

from livedash_core.errors import UnknownTopic
from livedash_core.few_ids import few_ids, read_few
from livedash_core.insights.opportunity import Opportunity
from livedash_core.insights.periods import Period, candidates
from livedash_core.insights.topics.counting import NOT_RESOLVED

#: The topics of a period are chosen among so many with the most sessions overall, half as many if it is long: reading
#: them takes as long for a million topics as for a thousand. A topic with more in the period than the last candidate
#: has overall is always among them.
CANDIDATES = 60
#: The newest sessions of a topic from which languages, outcomes and chats are read.
NEWEST = 500
WORDINGS = 50
MAX_COUNTED = 10_000
CHATS = 20
Order = Literal["sessions", "opportunity"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedTopic(Opportunity):
    """A topic and its opportunity, among all its sessions in a period; ``questions`` are of all days."""

    id: int
    company_id: UUID
    name: str
    named_by: str
    category: str | None
    pinned: bool
    questions: int
    sessions_before: int


_NAME = "coalesce(topic.name, (SELECT left(content, 200) FROM livedash.question WHERE id = topic.central_id))"
# The period before is read only for the topics that are returned.
_LIST = """
    WITH candidate AS (
        SELECT found.* FROM unnest(CAST(:company_ids AS uuid[])) AS company (id)
        CROSS JOIN LATERAL (
            (SELECT id, pinned, {most} AS most FROM livedash.topic
             WHERE company_id = company.id AND NOT hidden AND {most} > 0 ORDER BY {most} DESC LIMIT :candidates)
            UNION
            (SELECT id, pinned, {most} AS most FROM livedash.topic
             WHERE company_id = company.id AND pinned AND NOT hidden LIMIT :candidates)
        ) AS found ORDER BY found.pinned DESC, found.most DESC, found.id LIMIT :candidates
    ), shown AS MATERIALIZED (
        SELECT candidate.id, candidate.pinned, now.* FROM candidate CROSS JOIN LATERAL (
            SELECT coalesce(sum(sessions), 0)::int AS sessions, coalesce(sum(unresolved), 0)::int AS unresolved,
                   coalesce(sum(handed_over), 0)::int AS handed_over
            FROM livedash.topic_day_count WHERE topic_id = candidate.id AND day BETWEEN :first AND :last
        ) AS now WHERE {most} > 0 ORDER BY candidate.pinned DESC, {most} DESC, candidate.id LIMIT :limit
    )
    SELECT topic.id, topic.company_id, {name} AS name, coalesce(topic.named_by, 'rule') AS named_by, topic.category,
           topic.pinned, topic.questions, shown.sessions, shown.unresolved, shown.handed_over,
           before.sessions AS sessions_before, before.opportunity AS opportunity_before
    FROM shown JOIN livedash.topic ON topic.id = shown.id CROSS JOIN LATERAL (
        SELECT coalesce(sum(sessions), 0)::int AS sessions,
               coalesce(sum(unresolved + handed_over), 0)::int AS opportunity
        FROM livedash.topic_day_count WHERE topic_id = shown.id AND day BETWEEN :before AND :before_last
    ) AS before
    ORDER BY shown.pinned DESC, {shown} DESC, shown.id
"""
_ORDERS: dict[Order, dict[str, str]] = {
    "sessions": {"most": "sessions", "shown": "shown.sessions"},
    "opportunity": {"most": "(unresolved + handed_over)", "shown": "(shown.unresolved + shown.handed_over)"},
}


def list_topics(
    connection: Connection, company_ids: Sequence[UUID], period: Period, *, limit: int, order: Order = "sessions"
) -> list[ListedTopic]:
    """Return the topics with the most sessions in ``period``, or the most opportunity; pinned ones come first."""
    statement = _LIST.format(name=_NAME, **_ORDERS[order])
    before = period.before
    days = {"first": period.first, "last": period.last, "before": before.first, "before_last": before.last}
    number = candidates(CANDIDATES, period, limit)
    parameters = {"company_ids": list(company_ids), "candidates": number, "limit": limit, **days}
    return [ListedTopic(**row._mapping) for row in connection.execute(text(statement), parameters)]


def fix_first(connection: Connection, company_ids: Sequence[UUID], period: Period, *, limit: int) -> list[ListedTopic]:
    """Return the topics by opportunity: sessions times the share that ended unresolved or was handed over."""
    topics = list_topics(connection, company_ids, period, limit=2 * limit, order="opportunity")
    return sorted(topics, key=lambda topic: (-topic.opportunity, topic.id))[:limit]


def sessions_per_step(
    connection: Connection, topic_ids: Sequence[int], period: Period, *, days: int
) -> dict[int, list[int]]:
    """Return the sessions of each topic in each step of so many ``days`` of ``period``, zeros included."""
    found = {topic: [0] * -(-period.days // days) for topic in topic_ids}
    parameters = {"topic_ids": list(topic_ids), "first": period.first, "last": period.last, "days": days}
    for topic_id, step, sessions in connection.execute(_STEPS, parameters):
        found[topic_id][step] = sessions
    return found


_STEPS = text(
    """
    SELECT topic_id, (day - CAST(:first AS date)) / CAST(:days AS int) AS step, CAST(sum(sessions) AS int8)
    FROM livedash.topic_day_count
    WHERE topic_id = ANY (CAST(:topic_ids AS bigint[])) AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
    GROUP BY topic_id, step
    """
)


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


class Proposal(NamedTuple):
    """Two questions that may be the same, the topics that they belong to, and why no model has decided."""

    first_id: int
    second_id: int
    first: str
    second: str
    first_topic: int
    second_topic: int
    similarity: float
    reason: str | None


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
    SELECT topic.*, {_NAME} AS shown_name, company.name AS company
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


def list_proposals(
    connection: Connection, company_id: UUID, *, limit: int, question_ids: Sequence[int] | None = None
) -> list[Proposal]:
    """Return the most similar pairs that wait for a person, of a company or with one of these questions."""
    # Two index look-ups per question: the company's proposals may be many.
    these = "AND (pair.first_id = ANY (CAST(:ids AS bigint[])) OR pair.second_id = ANY (CAST(:ids AS bigint[])))"
    query = text(_PROPOSALS.format(which="" if question_ids is None else these))
    parameters = {"company_id": company_id, "limit": limit, "ids": list(question_ids or ())}
    return [Proposal(*row) for row in connection.execute(query, parameters)]


_PROPOSALS = """
    SELECT pair.first_id, pair.second_id, first.content, second.content, one.topic_id, other.topic_id,
           pair.similarity, pair.held
    FROM livedash.question_pair AS pair
    JOIN livedash.topic_member AS one ON one.question_id = pair.first_id
    JOIN livedash.topic_member AS other ON other.question_id = pair.second_id
    JOIN livedash.question AS first ON first.id = pair.first_id
    JOIN livedash.question AS second ON second.id = pair.second_id
    WHERE pair.company_id = :company_id AND (pair.verdict IS NULL OR pair.held IS NOT NULL)
      AND one.topic_id <> other.topic_id
      AND first.normal_form NOT LIKE '#%' AND second.normal_form NOT LIKE '#%' {which}
    ORDER BY pair.similarity DESC, pair.first_id, pair.second_id LIMIT :limit
"""


def count_follow_ups(connection: Connection, company_ids: Sequence[UUID]) -> int:
    """Return how many questions of these companies are kept out of topics; ``MAX_COUNTED`` if there are more."""
    query = text(
        """
        SELECT count(*) FROM (
            SELECT FROM livedash.topic_member
            WHERE company_id = ANY (CAST(:company_ids AS uuid[])) AND wording_digest IS NULL AND topic_id IS NULL
            LIMIT :most
        ) AS found
        """
    )
    return connection.scalar(query, {"company_ids": list(company_ids), "most": MAX_COUNTED}) or 0


def sessions_of(connection: Connection, topic_id: int, *, limit: int) -> list[UUID] | None:
    """Return the sessions of a topic; None if there are more than ``limit``."""
    # Twice as many rows, because a session may have several questions of the topic.
    parameters = {"topic_id": topic_id, "limit": 2 * limit + 1}
    return read_few(connection, _SESSIONS_OF, parameters, most=limit)


# Each question in a look-up of its own: a join may read the whole table.
_SESSIONS_OF = few_ids(
    """
    SELECT asked.session_id
    FROM (SELECT question_id FROM livedash.topic_member
          WHERE topic_id = :topic_id ORDER BY sessions DESC, question_id LIMIT :limit) AS member
    CROSS JOIN LATERAL (
        SELECT session_id FROM livedash.session_question WHERE question_id = member.question_id LIMIT :limit
    ) AS asked LIMIT :limit
    """
)


class UnansweredQuestion(NamedTuple):
    """A question of sessions that were not resolved, for the editor of the bot's knowledge."""

    company: str
    topic_id: int
    topic: str
    question: str
    language: str
    sessions: int
    unresolved: int
    handed_over: int
    last_asked_on: date


def unanswered_questions(
    connection: Connection, company_ids: Sequence[UUID], period: Period, *, topic_id: int | None = None
) -> Iterator[UnansweredQuestion]:
    """Yield each question whose sessions in ``period`` were not resolved, the most such sessions first."""
    statement = text(_UNANSWERED).execution_options(stream_results=True, yield_per=1000)
    days = {"first": period.first, "last": period.last}
    parameters = {"company_ids": list(company_ids), "topic_id": topic_id, **days}
    for row in connection.execute(statement, parameters):
        yield UnansweredQuestion(*row)


_UNANSWERED = f"""
    SELECT company.name, topic.id, {_NAME}, question.content, question.language,
           asked.sessions, asked.unresolved, asked.handed_over, asked.last_asked_on
    FROM (
        SELECT member.question_id, count(*) AS sessions,
               count(*) FILTER (WHERE {NOT_RESOLVED["unresolved"]}) AS unresolved,
               count(*) FILTER (WHERE {NOT_RESOLVED["handed_over"]}) AS handed_over,
               max((session.started_at AT TIME ZONE 'UTC')::date) AS last_asked_on
        FROM livedash.session
        JOIN livedash.session_question AS asked ON asked.session_id = session.id
        JOIN livedash.topic_member AS member ON member.question_id = asked.question_id
        WHERE session.company_id = ANY (CAST(:company_ids AS uuid[]))
          AND session.started_at >= CAST(:first AS date) AND session.started_at < CAST(:last AS date) + 1
          AND member.topic_id IS NOT NULL
          AND (CAST(:topic_id AS bigint) IS NULL OR member.topic_id = :topic_id)
        GROUP BY member.question_id
        HAVING count(*) FILTER (WHERE ({NOT_RESOLVED["unresolved"]}) OR ({NOT_RESOLVED["handed_over"]})) > 0
    ) AS asked (question_id, sessions, unresolved, handed_over, last_asked_on)
    JOIN livedash.question ON question.id = asked.question_id AND question.normal_form NOT LIKE '#%'
    JOIN livedash.topic_member AS member ON member.question_id = question.id
    JOIN livedash.topic ON topic.id = member.topic_id AND NOT topic.hidden
    JOIN livedash.company ON company.id = topic.company_id
    ORDER BY asked.unresolved + asked.handed_over DESC, question.id
"""  # noqa: S608 - as above

"""Reads lists of topics, for pages and commands: from the topics' own counts, never from all sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.few_ids import few_ids, read_few
from livedash_core.insights.opportunity import Opportunity
from livedash_core.insights.periods import Period, candidates
from livedash_core.insights.ranges import STEP

#: The topics of a period are chosen among so many with the most sessions overall, half as many if it is long: reading
#: them takes as long for a million topics as for a thousand. A topic with more in the period than the last candidate
#: has overall is always among them.
CANDIDATES = 60
MAX_COUNTED = 10_000
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


#: The name of a topic in SQL: its own, or else its central question.
TOPIC_NAME = "coalesce(topic.name, (SELECT left(content, 200) FROM livedash.question WHERE id = topic.central_id))"
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
    statement = _LIST.format(name=TOPIC_NAME, **_ORDERS[order])
    before = period.before
    days = {"first": period.first, "last": period.last, "before": before.first, "before_last": before.last}
    number = candidates(CANDIDATES, period, limit)
    parameters = {"company_ids": list(company_ids), "candidates": number, "limit": limit, **days}
    return [ListedTopic(**row._mapping) for row in connection.execute(text(statement), parameters)]


def fix_first(connection: Connection, company_ids: Sequence[UUID], period: Period, *, limit: int) -> list[ListedTopic]:
    """Return the topics by opportunity: sessions times the share that ended unresolved or was handed over."""
    topics = list_topics(connection, company_ids, period, limit=2 * limit, order="opportunity")
    return sorted(topics, key=lambda topic: (-topic.opportunity, topic.id))[:limit]


def sessions_per_step(connection: Connection, topic_ids: Sequence[int], period: Period) -> dict[int, list[int]]:
    """Return the sessions of each topic in each of ``period.steps``, zeros included."""
    places = {step.first: place for place, step in enumerate(period.steps)}
    found = {topic: [0] * len(places) for topic in topic_ids}
    parameters = {"topic_ids": list(topic_ids), "first": period.first, "last": period.last}
    for topic_id, first, sessions in connection.execute(_PER_STEP[period.unit], parameters):
        found[topic_id][places[first]] = sessions
    return found


_PER_STEP = {
    unit: text(
        f"""
        SELECT topic_id, {step}, CAST(sum(sessions) AS int8) FROM livedash.topic_day_count
        WHERE topic_id = ANY (CAST(:topic_ids AS bigint[])) AND day BETWEEN CAST(:first AS date) AND CAST(:last AS date)
        GROUP BY 1, 2
        """  # noqa: S608 - made of constants
    )
    for unit, step in STEP.items()
}


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

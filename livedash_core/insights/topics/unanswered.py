"""Reads the questions whose sessions were not resolved."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.insights.periods import Period
from livedash_core.insights.topics.counting import NOT_RESOLVED
from livedash_core.insights.topics.reading import TOPIC_NAME


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
    SELECT company.name, topic.id, {TOPIC_NAME}, question.content, question.language,
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
"""  # noqa: S608 - names and conditions of ours only

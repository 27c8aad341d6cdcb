"""Reads the insights of a period from the counts per day, never from the sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Date, Integer, String, cast, func, select, true, values
from sqlalchemy import Uuid as UuidType
from sqlalchemy.sql.expression import column

from livedash_core.models import Question, QuestionDayCount, SessionDayCount

#: The top questions of a period are chosen among the questions with the most sessions overall, so that reading them
#: takes as long for a million questions as for a thousand. A question with more sessions in the period than the last
#: candidate has overall is always among them.
CANDIDATES = 100
_FACETS = ("language", "sentiment", "category", "escalated", "forwarded_hr", "outcome", "missing")


class Period(NamedTuple):
    """A period of days (UTC) on which sessions started, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """The number of days."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The period of the same length that ends the day before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))


class AnalysisSource(NamedTuple):
    """An analyzer and the model that replied (``None`` for offline rules), and the number of sessions they analysed."""

    analyzer: str
    model: str | None
    sessions: int


class AskedQuestion(NamedTuple):
    """A question of a company, and the number of sessions of the period that have it."""

    id: int
    content: str
    company_id: UUID
    sessions: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Sessions of a period by facet and value; ``per_day`` has all days, zeros included."""

    sessions: int
    analysed: int
    values: dict[str, dict[str, int]]
    per_day: dict[date, int]

    def total(self, facet: str) -> int:
        """The number of sessions that have a value of this facet."""
        return sum(self.values.get(facet, {}).values())

    def of(self, facet: str, value: str = "true") -> int:
        """The number of sessions with this value."""
        return self.values.get(facet, {}).get(value, 0)


def last_day(connection: Connection, company_ids: Sequence[UUID]) -> date | None:
    """Return the latest day on which a session started; one index look-up per company."""
    companies = values(column("id", UuidType), name="companies").data([(company_id,) for company_id in company_ids])
    newest = (
        select(SessionDayCount.day)
        .where(
            SessionDayCount.facet == "session",
            SessionDayCount.company_id == companies.c.id,
            SessionDayCount.sessions > 0,
        )
        .order_by(SessionDayCount.day.desc())
        .limit(1)
        .lateral()
    )
    if not company_ids:
        return None
    found: date | None = connection.scalar(select(func.max(newest.c.day)).select_from(companies.join(newest, true())))
    return found


def counts(connection: Connection, company_ids: Sequence[UUID], period: Period) -> Counts:
    """Count the sessions of these companies that started in ``period``."""
    sessions = func.sum(SessionDayCount.sessions, type_=Integer)
    chosen = SessionDayCount.company_id.in_(company_ids), SessionDayCount.day.between(*period)
    values_found = connection.execute(
        select(SessionDayCount.facet, SessionDayCount.value, sessions)
        .where(SessionDayCount.facet.in_(_FACETS), *chosen)
        .group_by(SessionDayCount.facet, SessionDayCount.value)
        .having(sessions > 0)
    )
    days_found = connection.execute(
        select(SessionDayCount.day, sessions)
        .where(SessionDayCount.facet == "session", *chosen)
        .group_by(SessionDayCount.day)
    )
    per_day = {period.first + timedelta(days=number): 0 for number in range(period.days)}
    per_day.update((day, number) for day, number in days_found)
    found: dict[str, dict[str, int]] = {}
    for facet, value, number in values_found:
        found.setdefault(facet, {})[value] = number
    return Counts(sum(per_day.values()), sum(found.get("sentiment", {}).values()), found, per_day)


def analysis_sources(connection: Connection, company_ids: Sequence[UUID]) -> list[AnalysisSource]:
    """Count all sessions of these companies by analyzer and model, the most sessions first."""
    sessions = func.sum(SessionDayCount.sessions, type_=Integer)
    rows = connection.execute(
        select(SessionDayCount.value, sessions)
        .where(SessionDayCount.facet == "analyzer", SessionDayCount.company_id.in_(company_ids))
        .group_by(SessionDayCount.value)
        .having(sessions > 0)
        .order_by(sessions.desc(), SessionDayCount.value)
    )
    return [AnalysisSource(*_split_analyzer(value), number) for value, number in rows]


def top_questions(
    connection: Connection, company_ids: Sequence[UUID], period: Period, *, limit: int
) -> list[AskedQuestion]:
    """Return the questions with the most sessions in ``period``, among the ``CANDIDATES`` with the most overall."""
    companies = values(column("id", UuidType), name="companies").data([(company_id,) for company_id in company_ids])
    if not company_ids:
        return []
    often = (
        select(Question.id, Question.company_id, Question.sessions)
        .where(Question.company_id == companies.c.id, Question.sessions > 0)
        .order_by(Question.sessions.desc())
        .limit(CANDIDATES)
        .lateral()
    )
    candidates = (
        select(often.c.id, often.c.company_id)
        .select_from(companies.join(often, true()))
        .order_by(often.c.sessions.desc(), often.c.id)
        .limit(CANDIDATES)
        .cte("candidates")
    )
    asked = (
        select(func.sum(QuestionDayCount.sessions, type_=Integer).label("sessions"))
        .where(
            QuestionDayCount.question_id == candidates.c.id,
            QuestionDayCount.day.between(cast(period.first, Date), cast(period.last, Date)),
        )
        .lateral()
    )
    top = (
        select(candidates.c.id, candidates.c.company_id, asked.c.sessions)
        .select_from(candidates.join(asked, true()))
        .where(asked.c.sessions > 0)
        .order_by(asked.c.sessions.desc(), candidates.c.id)
        .limit(limit)
        .subquery()
    )
    rows = connection.execute(
        select(top.c.id, cast(Question.content, String), top.c.company_id, top.c.sessions)
        .join(Question, Question.id == top.c.id)
        .order_by(top.c.sessions.desc(), top.c.id)
    )
    return [AskedQuestion(*row) for row in rows]


def _split_analyzer(value: str) -> tuple[str, str | None]:
    analyzer, _, model = value.partition("/")
    return analyzer, model or None

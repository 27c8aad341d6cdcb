"""What was said about the sessions of a time, from the counts per day: never from the sessions themselves."""

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

#: Of these the ones asked most in the period are chosen, so that a million questions cost as much as a thousand.
#: What was asked more often in the period than the last of these was ever asked cannot be missed.
CANDIDATES = 100
_FACETS = ("language", "sentiment", "category", "escalated", "forwarded_hr")


class Period(NamedTuple):
    """Days (UTC) on which sessions started, both ends included."""

    first: date
    last: date

    @property
    def days(self) -> int:
        """How many."""
        return (self.last - self.first).days + 1

    @property
    def before(self) -> Period:
        """The period of the same length that ends the day before."""
        return Period(self.first - timedelta(days=self.days), self.first - timedelta(days=1))


class ResolvedAnalyzer(NamedTuple):
    """Who analysed how many sessions; ``model`` is the one that answered, ``None`` offline."""

    analyzer: str
    model: str | None
    sessions: int


class AskedQuestion(NamedTuple):
    """A question of a company, and how many sessions of the period asked it."""

    id: int
    content: str
    company_id: UUID
    sessions: int


@dataclass(frozen=True, slots=True)
class Counts:
    """Sessions of a period, per value of each facet; ``per_day`` has every day, zero or not."""

    sessions: int
    analysed: int
    values: dict[str, dict[str, int]]
    per_day: dict[date, int]

    def of(self, facet: str, value: str = "true") -> int:
        """Sessions with this value."""
        return self.values.get(facet, {}).get(value, 0)


def last_day(connection: Connection, company_ids: Sequence[UUID]) -> date | None:
    """The latest day on which a session started; one look at the index per company."""
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
    """The sessions of these companies that started in ``period``."""
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


def makers(connection: Connection, company_ids: Sequence[UUID]) -> list[ResolvedAnalyzer]:
    """Who analysed the sessions of these companies, whenever they started; the busiest first."""
    sessions = func.sum(SessionDayCount.sessions, type_=Integer)
    rows = connection.execute(
        select(SessionDayCount.value, sessions)
        .where(SessionDayCount.facet == "maker", SessionDayCount.company_id.in_(company_ids))
        .group_by(SessionDayCount.value)
        .having(sessions > 0)
        .order_by(sessions.desc(), SessionDayCount.value)
    )
    return [ResolvedAnalyzer(*_maker(value), number) for value, number in rows]


def top_questions(
    connection: Connection, company_ids: Sequence[UUID], period: Period, *, limit: int
) -> list[AskedQuestion]:
    """The questions that most sessions of ``period`` asked, of the ``CANDIDATES`` that were asked most in all."""
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


def _maker(value: str) -> tuple[str, str | None]:
    analyzer, _, model = value.partition("/")
    return analyzer, model or None

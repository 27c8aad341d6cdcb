"""Reads the days that have sessions, who analysed them, and the questions of a period, from counts only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Date, Integer, String, cast, func, select, true, union_all, values
from sqlalchemy import Uuid as UuidType
from sqlalchemy.sql.expression import column

from livedash_core.insights.periods import Period, split
from livedash_core.models import Question, QuestionDayCount, QuestionMonthCount, SessionDayCount

#: The top questions of a period are chosen among the questions with the most sessions overall, so that reading them
#: takes as long for a million questions as for a thousand. A question with more sessions in the period than the last
#: candidate has overall is always among them.
CANDIDATES = 100


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


def first_and_last_day(connection: Connection, company_ids: Sequence[UUID]) -> tuple[date, date] | None:
    """Return the first and the latest day on which a session started; two index look-ups per company."""
    companies = values(column("id", UuidType), name="companies").data([(company_id,) for company_id in company_ids])
    if not company_ids:
        return None
    ends = [
        select(SessionDayCount.day)
        .where(
            SessionDayCount.facet == "session",
            SessionDayCount.company_id == companies.c.id,
            SessionDayCount.sessions > 0,
        )
        .order_by(order)
        .limit(1)
        .lateral()
        for order in (SessionDayCount.day.asc(), SessionDayCount.day.desc())
    ]
    oldest, newest = ends
    joined = companies.join(oldest, true()).join(newest, true())
    first, last = connection.execute(select(func.min(oldest.c.day), func.max(newest.c.day)).select_from(joined)).one()
    return None if first is None else (first, last)


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
    parts = split(period)
    asked_days = [
        select(QuestionDayCount.sessions).where(
            QuestionDayCount.question_id == candidates.c.id,
            QuestionDayCount.day.between(cast(days.first, Date), cast(days.last, Date)),
        )
        for days in parts.days
    ]
    asked_months = [
        select(QuestionMonthCount.sessions).where(
            QuestionMonthCount.question_id == candidates.c.id,
            QuestionMonthCount.month.between(cast(parts.months[0], Date), cast(parts.months[-1], Date)),
        )
        for _ in parts.months[:1]
    ]
    asked = union_all(*(part.correlate(candidates) for part in (*asked_days, *asked_months))).lateral()
    in_period = func.sum(asked.c.sessions, type_=Integer)
    top = (
        select(candidates.c.id, candidates.c.company_id, in_period.label("sessions"))
        .select_from(candidates.join(asked, true()))
        .group_by(candidates.c.id, candidates.c.company_id)
        .having(in_period > 0)
        .order_by(in_period.desc(), candidates.c.id)
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

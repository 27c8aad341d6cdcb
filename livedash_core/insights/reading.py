"""Reads the days that have sessions, who analysed them, and the questions of a period, from counts only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Integer, func, select, text

from livedash_core.insights.periods import Period, candidates, range_parameters
from livedash_core.insights.ranges import PARTS, with_days
from livedash_core.models import SessionMonthCount

#: The top questions of a period are chosen among so many with the most sessions overall, half as many if it is long:
#: reading them takes as long for a million questions as for a thousand. A question with more sessions in the period
#: than the last candidate has overall is always among them.
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
    first, last = connection.execute(_FIRST_AND_LAST, {"company_ids": list(company_ids)}).one()
    return None if first is None else (first, last)


def analysis_sources(connection: Connection, company_ids: Sequence[UUID]) -> list[AnalysisSource]:
    """Count all sessions of these companies by analyzer and model, the most sessions first."""
    sessions = func.sum(SessionMonthCount.sessions, type_=Integer)
    rows = connection.execute(
        select(SessionMonthCount.value, sessions)
        .where(SessionMonthCount.facet == "analyzer", SessionMonthCount.company_id.in_(company_ids))
        .group_by(SessionMonthCount.value)
        .having(sessions > 0)
        .order_by(sessions.desc(), SessionMonthCount.value)
    )
    return [AnalysisSource(*_split_analyzer(value), number) for value, number in rows]


def top_questions(
    connection: Connection, company_ids: Sequence[UUID], period: Period, *, limit: int
) -> list[AskedQuestion]:
    """Return the questions with the most sessions in ``period``, among the ``CANDIDATES`` with the most overall."""
    parameters = {
        "company_ids": list(company_ids),
        "candidates": candidates(CANDIDATES, period, limit),
        "limit": limit,
        **range_parameters(period),
    }
    return [AskedQuestion(*row) for row in connection.execute(_TOP_QUESTIONS, parameters)]


def _split_analyzer(value: str) -> tuple[str, str | None]:
    analyzer, _, model = value.partition("/")
    return analyzer, model or None


# As text with arrays: statements with a list of VALUES are compiled anew for each page.
_FIRST_AND_LAST = text(
    """
    SELECT min(oldest.day), max(newest.day)
    FROM unnest(CAST(:company_ids AS uuid[])) AS company (id)
    CROSS JOIN LATERAL (
        SELECT day FROM livedash.session_day_count
        WHERE facet = 'session' AND company_id = company.id AND sessions > 0 ORDER BY day LIMIT 1
    ) AS oldest
    CROSS JOIN LATERAL (
        SELECT day FROM livedash.session_day_count
        WHERE facet = 'session' AND company_id = company.id AND sessions > 0 ORDER BY day DESC LIMIT 1
    ) AS newest
    """
)
# Each range in a branch of its own, as in ``counts``: a join with ranges reads all days of a candidate.
_TOP_QUESTIONS = with_days(
    """
    WITH candidates AS MATERIALIZED (
        SELECT often.id, often.company_id
        FROM unnest(CAST(:company_ids AS uuid[])) AS company (id)
        CROSS JOIN LATERAL (
            SELECT id, company_id, sessions FROM livedash.question
            WHERE company_id = company.id AND sessions > 0 ORDER BY sessions DESC LIMIT :candidates
        ) AS often
        ORDER BY often.sessions DESC, often.id LIMIT :candidates
    ), top AS MATERIALIZED (
        SELECT candidates.id, candidates.company_id, CAST(sum(asked.sessions) AS int8) AS sessions
        FROM candidates CROSS JOIN LATERAL (
            SELECT sessions FROM livedash.question_month_count
            WHERE question_id = candidates.id
              AND month BETWEEN CAST(:first_month AS date) AND CAST(:last_month AS date)
            UNION ALL
            SELECT sessions FROM livedash.question_day_count
            WHERE question_id = candidates.id
              AND day BETWEEN CAST(:first_before AS date) AND CAST(:last_before AS date)
            UNION ALL
            SELECT sessions FROM livedash.question_day_count
            WHERE question_id = candidates.id
              AND day BETWEEN CAST(:first_after AS date) AND CAST(:last_after AS date)
        ) AS asked
        GROUP BY candidates.id, candidates.company_id HAVING sum(asked.sessions) > 0
        ORDER BY sessions DESC, candidates.id LIMIT :limit
    )
    SELECT top.id, question.content, top.company_id, top.sessions
    FROM top JOIN livedash.question ON question.id = top.id ORDER BY top.sessions DESC, top.id
    """,
    PARTS,
)

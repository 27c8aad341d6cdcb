"""Topics of a period: chosen among a bounded number of candidates, with the period before for those that are listed."""

from __future__ import annotations

from datetime import date, timedelta
from typing import get_args
from uuid import UUID

import pytest
from sqlalchemy import Engine, text

from livedash_core.insights.periods import Period
from livedash_core.insights.topics.reading import CANDIDATES, list_topics, sessions_per_step
from tests.integration.status.plans import Mode, explained

LAST = date(2026, 11, 30)
#: A hundred topics of two years: the higher the number, the more sessions a day, but in the last month the fewer.
FILL = (
    """
    INSERT INTO livedash.question (company_id, content, normal_form, language, sessions)
    SELECT :company_id, 'question ' || n, n, 'en', n FROM generate_series(1, 100) AS n
    """,
    "INSERT INTO livedash.topic (company_id, central_id, compared) SELECT company_id, id, true FROM livedash.question",
    """
    INSERT INTO livedash.topic_day_count (topic_id, day, sessions, unresolved, handed_over)
    SELECT topic.id, CAST(:last AS date) - ago,
           CASE WHEN ago < 30 THEN 300 - normal_form::int ELSE normal_form::int END, 1, 0
    FROM livedash.topic JOIN livedash.question ON question.id = central_id CROSS JOIN generate_series(0, 729) AS ago
    """,
    """
    UPDATE livedash.topic SET sessions = counted.sessions, unresolved = counted.unresolved
    FROM (SELECT topic_id, sum(sessions) AS sessions, sum(unresolved) AS unresolved
          FROM livedash.topic_day_count GROUP BY topic_id) AS counted WHERE counted.topic_id = topic.id
    """,
    "ANALYZE livedash.topic, livedash.topic_day_count",
)


@pytest.fixture
def busy(company_id: UUID, engine: Engine) -> Engine:
    with engine.begin() as connection:
        for statement in FILL:
            connection.execute(text(statement), {"company_id": company_id, "last": LAST})
    return engine


@pytest.mark.parametrize("mode", get_args(Mode))
@pytest.mark.parametrize(("days", "candidates"), [(30, CANDIDATES), (360, CANDIDATES // 2)])
def test_listing_reads_the_days_of_candidates_and_the_period_before_of_the_listed_topics(
    busy: Engine, company_id: UUID, days: int, candidates: int, mode: Mode
) -> None:
    period = Period(LAST - timedelta(days=days - 1), LAST)
    with busy.begin() as connection:
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        with explained(connection, mode) as plan:
            found = list_topics(connection, [company_id], period, limit=10)

    assert plan.rows["topic_day_count"] <= (candidates + 10) * days
    assert [topic.name for topic in found] == [
        f"question {number}" for number in (range(41, 51) if days == 30 else range(100, 90, -1))
    ]
    first = int(found[0].name.removeprefix("question "))
    assert found[0].sessions == 30 * (300 - first) + (days - 30) * first
    assert (found[0].sessions_before, found[0].unresolved, found[0].opportunity_before) == (days * first, days, days)


@pytest.mark.parametrize(
    ("before", "after", "days"),
    [
        (2, 3, [1, 1, 1, 0, 0, 0]),
        (14, 40, [7, 7, 1, 0, 0, 0, 0, 0]),  # weeks
        (29, 400, [30, *[0] * 14]),  # from 1 November on: a month each, the last one of four days
        (0, 400, [1, *[0] * 14]),
    ],
)
def test_the_steps_of_a_sparkline_are_those_of_its_period(
    busy: Engine, company_id: UUID, before: int, after: int, days: list[int]
) -> None:
    with busy.connect() as connection:
        (topic,) = list_topics(connection, [company_id], Period(LAST, LAST), limit=1)
        period = Period(LAST - timedelta(days=before), LAST + timedelta(days=after))
        found = sessions_per_step(connection, [topic.id], period)
    assert found == {topic.id: [number * topic.sessions for number in days]}

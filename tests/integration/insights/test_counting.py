"""The counts per day are those of the sessions, whatever happens to the sessions, and reading them reads no session."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import get_args
from uuid import UUID, uuid4

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, text, update

from livedash_core.insights import counted_questions, counted_sessions, recount
from livedash_core.insights.counts import counts, sessions_per_step
from livedash_core.insights.heat_map import heat_map, heat_map_days
from livedash_core.insights.periods import Period, per_step
from livedash_core.insights.reading import AnalysisSource, analysis_sources, first_and_last_day, top_questions
from livedash_core.local import sample
from livedash_core.local.sample_source import SampleSource
from livedash_core.models import (
    Question,
    QuestionDayCount,
    QuestionMonthCount,
    Session,
    SessionDayCount,
    SessionMonthCount,
    SessionQuestion,
)
from livedash_core.status import ProcessingStatusManager
from tests.integration.records import NOON, Records
from tests.integration.stages.stage_runs import SOURCE_CREDENTIALS, Pipeline
from tests.integration.status.locks import waiting_transaction
from tests.integration.status.plans import Mode, explained

Change = Callable[[Connection, list[UUID]], None]
DAY = NOON.date()
ANALYSED = {"analyzer": "openai", "model": "a-model", "analyzed_at": NOON, "escalated": False, "forwarded_hr": False}


def assert_counts_equal_a_recount(engine: Engine) -> None:
    with engine.connect() as connection:
        sessions, questions = recount(connection)
        kept = {(row.facet, row.company_id, row.day, row.value): row.sessions for row in connection.execute(
            select(SessionDayCount.__table__).where(SessionDayCount.sessions != 0))}  # fmt: skip
        asked = {(row.question_id, row.day): row.sessions for row in connection.execute(
            select(QuestionDayCount.__table__).where(QuestionDayCount.sessions != 0))}  # fmt: skip
        months = {(row.facet, row.company_id, row.month, row.value): row.sessions for row in connection.execute(
            select(SessionMonthCount.__table__).where(SessionMonthCount.sessions != 0))}  # fmt: skip
        asked_months = {(row.question_id, row.month): row.sessions for row in connection.execute(
            select(QuestionMonthCount.__table__).where(QuestionMonthCount.sessions != 0))}  # fmt: skip
        totals = dict(connection.execute(select(Question.id, Question.sessions)).all())
    assert kept == dict(sessions)
    assert asked == dict(questions)
    by_month: Counter[tuple[object, ...]] = Counter()
    for (facet, company_id, day, value), number in sessions.items():
        if facet != "hour":
            by_month[facet, company_id, day.replace(day=1), value] += number
    assert months == dict(by_month)
    asked_by_month: Counter[tuple[object, ...]] = Counter()
    for (question_id, day), number in questions.items():
        asked_by_month[question_id, day.replace(day=1)] += number
    assert asked_months == dict(asked_by_month)
    assert totals == {
        question: sum(number for (asked_id, _), number in questions.items() if asked_id == question)
        for question in totals
    }


@pytest.fixture
def source() -> Iterator[SampleSource]:
    with SampleSource(SOURCE_CREDENTIALS.username, SOURCE_CREDENTIALS.password, until=date(2026, 3, 2)) as source:
        yield source


def write(records: Records, company_id: UUID, number: int, **columns: object) -> list[UUID]:
    """Analysed sessions, written as a stage writes them."""
    ids = records.sessions(company_id, number)
    with records.engine.begin() as connection, counted_sessions(connection, ids):
        rows = {"company_id": company_id, "started_at": NOON, "ended_at": NOON, **ANALYSED, **columns}
        connection.execute(insert(Session), [{"id": session_id, **rows} for session_id in ids])
    return ids


def ask(connection: Connection, company_id: UUID, question: str, session_ids: list[UUID]) -> int:
    row = insert(Question).values(company_id=company_id, content=question, normal_form=question, language="en")
    question_id = connection.scalar(row.returning(Question.id))
    with counted_questions(connection, session_ids):
        connection.execute(
            insert(SessionQuestion),
            [
                {"session_id": session_id, "position": question_id, "question_id": question_id, "raw_text": question}
                for session_id in session_ids
            ],
        )
    return question_id


def test_the_sample_is_counted_again_when_its_sessions_are_created_again(
    records: Records, source: SampleSource, engine: Engine
) -> None:
    company_id = records.company(
        sample.COMPANY_NAME,
        csv_url=source.csv_url,
        http_conn_id="sample",
        timezone=sample.TIMEZONE,
        allowed_networks=["127.0.0.0/8"],
    )
    pipeline = Pipeline(engine)
    pipeline.run_all()
    assert_counts_equal_a_recount(engine)

    with engine.begin() as connection:
        # Later than they said: the sessions move to other days, and their questions with them.
        connection.exec_driver_sql("UPDATE livedash.session_import SET started_at = started_at + interval '30 h'")
        manager = ProcessingStatusManager(connection)
        ids = list(connection.scalars(select(Session.id)))
        assert len(manager.reopen("SESSION_CREATION", ids)) == 107
    pipeline.run_all()

    assert_counts_equal_a_recount(engine)
    with engine.connect() as connection:
        found = counts(connection, [company_id], Period(date(2026, 1, 1), date(2026, 4, 1)))
        assert (found.sessions, found.analysed) == (107, 104)
        assert analysis_sources(connection, [company_id]) == [AnalysisSource("offline", None, 104)]


def test_a_changed_or_deleted_session_is_counted_as_it_is_now(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    ids = write(records, company_id, 3, sentiment="NEGATIVE", category="ONBOARDING", language="nl", escalated=True)
    with engine.begin() as connection, counted_sessions(connection, ids):
        connection.execute(delete(Session).where(Session.id == ids[0]))
        moved = {"started_at": NOON + timedelta(days=1), "sentiment": "NEUTRAL", "escalated": False}
        connection.execute(update(Session).where(Session.id == ids[1]).values(moved))

    assert_counts_equal_a_recount(engine)
    with engine.connect() as connection:
        today, both = (counts(connection, [company_id], Period(DAY, DAY + timedelta(days=days))) for days in (0, 1))
        per_day = sessions_per_step(connection, [company_id], Period(DAY, DAY + timedelta(days=1)))
    assert (today.sessions, today.values["sentiment"], today.of("escalated")) == (1, {"NEGATIVE": 1}, 1)
    assert (both.sessions, both.values["sentiment"]) == (2, {"NEGATIVE": 1, "NEUTRAL": 1})
    assert list(per_day.values()) == [1, 1]


def test_the_outcome_is_counted_only_for_sessions_that_were_analysed_for_it(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    write(records, company_id, 3, sentiment="NEUTRAL")
    ids = write(records, company_id, 2, sentiment="NEUTRAL", outcome="UNRESOLVED", missing="NO_ANSWER")

    assert_counts_equal_a_recount(engine)
    with engine.begin() as connection, counted_sessions(connection, ids):
        better = update(Session).where(Session.id == ids[0]).values(outcome="RESOLVED", missing=None)
        connection.execute(better)
    assert_counts_equal_a_recount(engine)
    with engine.connect() as connection:
        found = counts(connection, [company_id], Period(DAY, DAY))
    assert found.values["outcome"] == {"RESOLVED": 1, "UNRESOLVED": 1}
    assert (found.total("outcome"), found.of("missing", "NO_ANSWER"), found.sessions) == (2, 1, 5)


def test_a_rolled_back_change_is_not_counted(records: Records, company_id: UUID, engine: Engine) -> None:
    (session_id,) = records.sessions(company_id, 1)
    with engine.connect() as connection:
        with counted_sessions(connection, [session_id]):
            row = {"id": session_id, "company_id": company_id, "started_at": NOON, "ended_at": NOON}
            connection.execute(insert(Session).values(row))
        connection.rollback()

    assert_counts_equal_a_recount(engine)
    with engine.connect() as connection:
        assert first_and_last_day(connection, [company_id]) is None


def test_a_period_counts_its_days_and_companies_and_has_a_previous_period(records: Records, engine: Engine) -> None:
    acme, umbrella = records.company("Acme"), records.company("Umbrella")
    write(records, acme, 2, sentiment="POSITIVE")
    write(records, acme, 3, sentiment="POSITIVE", started_at=NOON - timedelta(days=7))
    write(records, umbrella, 5, sentiment="POSITIVE", model="other")
    week = Period(DAY - timedelta(days=6), DAY)

    with engine.connect() as connection:
        found = [counts(connection, [acme], period).sessions for period in (week, week.before)]
        everyone = counts(connection, [acme, umbrella], week)
        per_day = sessions_per_step(connection, [acme, umbrella], week)
        assert first_and_last_day(connection, [acme, umbrella]) == (DAY - timedelta(days=7), DAY)
        assert analysis_sources(connection, [acme, umbrella]) == [
            AnalysisSource("openai", "a-model", 5),
            AnalysisSource("openai", "other", 5),
        ]

    assert (week.days, week.before.days) == (7, 7)
    assert found == [2, 3]
    assert (everyone.sessions, per_day[Period(DAY, DAY)], len(per_day)) == (7, 7, 7)


def test_the_top_questions_are_those_of_the_period(records: Records, company_id: UUID, engine: Engine) -> None:
    today = write(records, company_id, 3)
    earlier = write(records, company_id, 5, started_at=NOON - timedelta(days=40))
    with engine.begin() as connection:
        old = ask(connection, company_id, "asked long ago", earlier)
        often = ask(connection, company_id, "asked today", today)
        both = ask(connection, company_id, "asked always", [today[0], *earlier])

    assert_counts_equal_a_recount(engine)
    with engine.connect() as connection:
        month = top_questions(connection, [company_id], Period(DAY - timedelta(days=29), DAY), limit=10)
        ever = top_questions(connection, [company_id], Period(date(2020, 1, 1), DAY), limit=2)
    assert [(question.id, question.sessions) for question in month] == [(often, 3), (both, 1)]
    assert [(question.id, question.sessions) for question in ever] == [(both, 6), (old, 5)]


def test_a_long_period_is_the_sum_of_its_months_and_days(records: Records, company_id: UUID, engine: Engine) -> None:
    first, last = date(2025, 1, 20), date(2026, 2, 10)
    days = [first, date(2025, 1, 31), date(2025, 2, 1), date(2025, 12, 31), date(2026, 1, 31), date(2026, 2, 1), last]
    ids = []
    for day in [first - timedelta(days=1), *days, last + timedelta(days=1)]:
        started_at = datetime.combine(day, NOON.timetz())
        ids += write(records, company_id, 2, started_at=started_at, ended_at=started_at, sentiment="NEGATIVE")
    with engine.begin() as connection:
        question = ask(connection, company_id, "asked each time", ids)

    assert_counts_equal_a_recount(engine)
    with engine.connect() as connection:
        found = counts(connection, [company_id], Period(first, last))
        per_month = sessions_per_step(connection, [company_id], Period(first, last))
        weeks = Period(first, first + timedelta(days=100))
        per_week = sessions_per_step(connection, [company_id], weeks)
        of_nobody = sessions_per_step(connection, [], Period(first, last))
        (asked,) = top_questions(connection, [company_id], Period(first, last), limit=5)
    assert (found.sessions, found.of("sentiment", "NEGATIVE"), found.companies[company_id].sessions) == (14, 14, 14)
    assert (asked.id, asked.sessions) == (question, 14)
    assert per_month == per_step(Period(first, last), dict.fromkeys(days, 2))
    assert per_week == per_step(weeks, dict.fromkeys(days, 2))
    assert of_nobody == dict.fromkeys(per_month, 0)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_the_plan_of_a_period_is_made_for_its_days(
    records: Records, company_id: UUID, engine: Engine, mode: Mode
) -> None:
    """One made for any days expects few rows, and sorts them to add them up."""
    write(records, company_id, 3)
    with engine.begin() as connection, explained(connection, mode) as plan:
        found = counts(connection, [company_id], Period(DAY - timedelta(days=29), DAY))
        heat_map(connection, [company_id], Period(DAY - timedelta(days=29), DAY))

    assert found.sessions == 3
    assert plan.rows["session_day_count"] > 0
    assert "session_month_count" not in plan.rows


@pytest.mark.parametrize("mode", get_args(Mode))
def test_a_long_period_reads_no_days_inside_its_months(
    records: Records, company_id: UUID, engine: Engine, mode: Mode
) -> None:
    first, last = date(2025, 1, 20), date(2026, 2, 10)
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    (asked_in,) = write(records, company_id, 1)
    with engine.begin() as connection:
        question = ask(connection, company_id, "asked each day", [asked_in])
        connection.execute(text("SET LOCAL enable_seqscan = off"))
        connection.execute(text("DELETE FROM livedash.question_day_count"))
        rows = [{"question_id": question, "day": day, "sessions": 1} for day in days]
        connection.execute(insert(QuestionDayCount), rows)
        connection.execute(text("DELETE FROM livedash.question_month_count"))
        months = "INSERT INTO livedash.question_month_count SELECT question_id, date_trunc('month', day), count(*) "
        connection.execute(text(f"{months} FROM livedash.question_day_count GROUP BY 1, 2"))
        with explained(connection, mode) as plan:
            (found,) = top_questions(connection, [company_id], Period(first, last), limit=5)

    assert (found.id, found.sessions) == (question, len(days))
    assert plan.rows["question_day_count"] == 12 + 10  # January from the 20th on, and February to the 10th
    assert plan.rows["question_month_count"] == 12


@pytest.mark.parametrize(
    ("timezone", "started", "weekday", "hour"),
    [
        ("UTC", datetime(2026, 3, 2, 23, 45, tzinfo=UTC), 0, 23),
        ("Europe/Amsterdam", datetime(2026, 3, 2, 23, 45, tzinfo=UTC), 1, 0),
        # The day on which the clock goes forward at 01:00 UTC, and the days around it.
        ("Europe/Amsterdam", datetime(2026, 3, 28, 12, tzinfo=UTC), 5, 13),
        ("Europe/Amsterdam", datetime(2026, 3, 29, 0, 59, tzinfo=UTC), 6, 1),
        ("Europe/Amsterdam", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), 6, 3),
        ("Europe/Amsterdam", datetime(2026, 3, 30, 12, tzinfo=UTC), 0, 14),
        ("Asia/Kolkata", datetime(2026, 3, 2, 18, 29, tzinfo=UTC), 0, 23),
        ("Asia/Kolkata", datetime(2026, 3, 2, 18, 30, tzinfo=UTC), 1, 0),
        ("America/New_York", datetime(2026, 3, 3, 2, 0, tzinfo=UTC), 0, 21),
    ],
)
def test_the_heat_map_has_the_clock_of_the_company(
    records: Records, engine: Engine, timezone: str, started: datetime, weekday: int, hour: int
) -> None:
    company_id = records.company("Acme", timezone=timezone)
    write(records, company_id, 3, started_at=started, ended_at=started)
    with engine.connect() as connection:
        found = heat_map(connection, [company_id], Period(date(2026, 2, 20), date(2026, 4, 20)))
    assert found == {(weekday, hour): 3}


def test_the_heat_map_of_a_long_period_has_its_latest_thirteen_weeks() -> None:
    year = Period(date(2025, 1, 1), date(2026, 3, 31))
    assert heat_map_days(year, 1) == Period(date(2025, 12, 31), date(2026, 3, 31))
    assert heat_map_days(year, 10).days == 28
    assert heat_map_days(year, 1000).days == heat_map_days(year, 0).days / 13 == 7


def test_durations_and_response_times_are_estimated_from_buckets(
    records: Records, company_id: UUID, engine: Engine
) -> None:
    for minutes, seconds in ((1, 2), (2, 4), (3, 6), (20, 8), (200, 500)):
        write(
            records,
            company_id,
            1,
            ended_at=NOON + timedelta(minutes=minutes),
            avg_response_time_seconds=seconds,
        )
    write(records, company_id, 4, ended_at=NOON)
    with engine.connect() as connection:
        found = counts(connection, [company_id], Period(DAY, DAY))
    assert (found.total("duration"), found.total("response_time"), found.sessions) == (5, 5, 9)
    assert 180 <= (found.duration() or 0) <= 240
    assert 5 <= (found.response_time() or 0) <= 7
    assert found.response_time(0.99) == 120
    assert_counts_equal_a_recount(engine)


def _day_moves(connection: Connection, session_ids: list[UUID]) -> None:
    """As when a company's time zone is corrected."""
    with counted_sessions(connection, session_ids), counted_questions(connection, session_ids, adds=False):
        later = Session.started_at + timedelta(days=40)
        connection.execute(update(Session).where(Session.id.in_(session_ids)).values(started_at=later))


def _sentiment_changes(connection: Connection, session_ids: list[UUID]) -> None:
    with counted_sessions(connection, session_ids):
        connection.execute(update(Session).where(Session.id.in_(session_ids)).values(sentiment="NEGATIVE"))


def _question_is_asked(connection: Connection, session_ids: list[UUID]) -> None:
    company_id = connection.scalar(select(Session.company_id).where(Session.id == session_ids[0]))
    assert company_id is not None
    ask(connection, company_id, f"Q{uuid4()}?", session_ids)


CHANGES = (_day_moves, _sentiment_changes, _question_is_asked)


@pytest.mark.parametrize(
    ("first", "second"),
    # Two stages never hold one session, so nothing is asked twice at once.
    [pair for pair in product(CHANGES, CHANGES) if pair != (_question_is_asked, _question_is_asked)],
)
def test_two_changes_of_one_session_at_once_are_each_counted(
    records: Records, engine: Engine, company_id: UUID, first: Change, second: Change
) -> None:
    session_ids = write(records, company_id, 2, category="LEAVE_VACATION")
    with engine.begin() as connection:
        ask(connection, company_id, "How many days?", session_ids)
    with engine.connect() as other:
        first(other, session_ids)
        with waiting_transaction(engine, lambda connection: second(connection, session_ids)) as changed:
            other.commit()
        changed.result()

    assert_counts_equal_a_recount(engine)


@pytest.mark.parametrize("mode", get_args(Mode))
def test_counting_scans_no_table_with_either_plan(connection: Connection, mode: Mode) -> None:
    """A generic plan once read every session, twice for each claim that was stored."""
    with connection.engine.connect() as planned:
        planned.execute(text("SET enable_seqscan = off"))
        ids = [uuid4()]
        with explained(planned, mode) as plan, counted_sessions(planned, ids), counted_questions(planned, ids):
            pass

    assert not plan.scanned_whole

"""The Insights page: sentiment, languages, categories and questions of the sessions in a period."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from livedash_core.enums import CATEGORIES, SENTIMENTS
from livedash_core.insights.reading import Counts, Period, counts, last_day, top_questions
from livedash_core.pipeline import Pipeline
from livedash_core.web.charts import columns
from livedash_core.web.database import Reader
from livedash_core.web.filters import Companies, FilterForm, Filters, read_companies
from livedash_core.web.labels import change, title
from livedash_core.web.rendering import render
from livedash_core.web.topics import read_section

DAYS = 30
QUESTIONS = 15
LANGUAGES = 10
#: The columns of a chart of more days would be too narrow to read.
MAX_DAYS = 366


class Share(NamedTuple):
    """A value of a facet: its sessions, their percentage of the analysed ones, and the change of that share."""

    key: str
    label: str
    sessions: int
    percent: float
    change: str


def make_router(read: Reader, _pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()

    @router.get("/insights")
    def insights(request: Request, filters: Filters) -> Response:
        """Show the days in the filter form, or the 30 days that end with the latest session."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            period = _period(connection, companies, filters)
            now = counts(connection, companies.ids, period)
            before = counts(connection, companies.ids, period.before)
            topics_section = read_section(connection, companies.ids, period)
            questions = top_questions(connection, companies.ids, period, limit=QUESTIONS)
        return render(
            request,
            "insights.html",
            filters=filters,
            companies=companies,
            period=period,
            query={"company": filters.company, "from": period.first, "to": period.last},
            now=now,
            before=before,
            change=change,
            chart=list(zip(now.per_day.items(), columns(list(now.per_day.values())), strict=True)),
            sentiments=_shares("sentiment", SENTIMENTS, now, before),
            categories=sorted(_shares("category", CATEGORIES, now, before), key=lambda share: -share.sessions),
            languages=sorted(
                _shares("language", now.values.get("language", {}), now, before), key=lambda share: -share.sessions
            )[:LANGUAGES],
            questions=questions,
            topics_section=topics_section,
        )

    return router


def _period(connection: Connection, companies: Companies, filters: FilterForm) -> Period:
    last = filters.last_day or min(last_day(connection, companies.ids) or date.max, datetime.now(UTC).date())
    first = filters.first_day or last - timedelta(days=DAYS - 1)
    return Period(max(min(first, last), last - timedelta(days=MAX_DAYS - 1)), last)


def _shares(facet: str, values: Iterable[str], now: Counts, before: Counts) -> list[Share]:
    """The shares of ``values``; percentages are of all sessions that have a value of the facet."""
    total, earlier = now.total(facet), before.total(facet)
    shares = []
    for value in values:
        share = now.of(facet, value) / total if total else 0
        was = before.of(facet, value) / earlier if earlier else 0
        label = value if facet == "language" else title(value)
        shares.append(Share(value, label, now.of(facet, value), 100 * share, _points(share, was) if earlier else ""))
    return shares


def _points(share: float, was: float) -> str:
    points = round(100 * (share - was))
    return f"{points:+d} points" if points else "±0 points"

"""A topic's page, the section about topics on the Insights page, and the export of unanswered questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from livedash_core.errors import UnknownTopic
from livedash_core.insights.periods import Period, per_step
from livedash_core.insights.topics.names import MAX_NAME_CHARACTERS
from livedash_core.insights.topics.page import CHATS, NEWEST, WORDINGS, read_topic
from livedash_core.insights.topics.proposals import list_proposals
from livedash_core.insights.topics.reading import count_follow_ups, fix_first, list_topics, sessions_per_step
from livedash_core.insights.topics.unanswered import unanswered_questions
from livedash_core.pipeline import Pipeline
from livedash_core.web.access_log import recorded_export
from livedash_core.web.charts import bars, sparkline, ticks
from livedash_core.web.database import Reader
from livedash_core.web.export import unanswered_lines
from livedash_core.web.filters import Filters, read_companies
from livedash_core.web.labels import change
from livedash_core.web.rendering import render

#: Starts the runs that change topics.
EDIT_DAG = "livedash_topic_edit"
_DAYS = 90
_LISTED, _FIXED, _PROPOSED = 15, 10, 5
#: The longest period: the page has a row per day below the chart.
_MAX_DAYS = 366


def make_router(read: Reader, _pipeline: Pipeline) -> APIRouter:
    """The page's and the export's routes."""
    router = APIRouter()

    @router.get("/topics/unanswered.csv")
    def unanswered(request: Request, filters: Filters, topic: int | None = None) -> Response:
        """Export the questions whose sessions were not resolved as a CSV that is safe to open in a spreadsheet."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
        period = _period(filters.first_day, filters.last_day)

        def rows() -> Iterator[str]:
            with read() as connection:
                yield from unanswered_lines(unanswered_questions(connection, companies.ids, period, topic_id=topic))

        return StreamingResponse(
            recorded_export(request, filters, companies, "unanswered.csv", rows()),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="unanswered.csv"'},
        )

    @router.get("/topics/{topic_id}")
    def topic(request: Request, topic_id: int, filters: Filters) -> Response:
        """Show a topic on the days in the address, or on the 90 days until today.

        Raises ``UnknownTopic`` (status 404) if there is none that the visitor may read.
        """
        period = _period(filters.first_day, filters.last_day)
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            page = read_topic(connection, min(topic_id, 2**63 - 1), period)
        if page.topic.company_id not in companies.labels:
            raise UnknownTopic(topic_id)  # of a company that the visitor may not read
        chart = bars(per_step(period, {row.day: row.sessions for row in page.days}))
        return render(
            request,
            "topic.html",
            filters=filters,
            companies=companies,
            timezone=next(one.timezone for one in companies.all if one.id == page.topic.company_id),
            period=period,
            page=page,
            topic=page.topic,
            chart=[bar for bar in chart if bar.sessions],
            highest=ticks(max(bar.sessions for bar in chart))[-1].number,
            in_period=sum(bar.sessions for bar in chart),
            unit=period.unit,
            facets={name: list(rows) for name, rows in groupby(page.facets, lambda row: row.facet)},
            limits={"wordings": WORDINGS, "chats": CHATS, "newest": NEWEST},
            edit_dag=EDIT_DAG,
            max_name=MAX_NAME_CHARACTERS,
        )

    return router


def read_section(connection: Connection, company_ids: Sequence[UUID], period: Period) -> dict[str, Any]:
    """Read topics, what to fix first and proposals, for ``topics_asked.html`` and ``topics_fix.html``."""
    topics = list_topics(connection, company_ids, period, limit=_LISTED)
    steps = sessions_per_step(connection, [topic.id for topic in topics], period)
    return {
        "topics": topics,
        "sparklines": {topic: sparkline(numbers) for topic, numbers in steps.items()},
        "unit": period.unit,
        "to_fix": fix_first(connection, company_ids, period, limit=_FIXED),
        "proposals": list_proposals(connection, company_ids[0], limit=_PROPOSED) if len(company_ids) == 1 else [],
        "follow_ups": count_follow_ups(connection, company_ids),
        "edit_dag": EDIT_DAG,
        "change": change,
    }


def _period(first: date | None, last: date | None) -> Period:
    until = last or datetime.now(UTC).date()
    since = first or until - timedelta(days=_DAYS - 1)
    return Period(max(min(since, until), until - timedelta(days=_MAX_DAYS - 1)), until)

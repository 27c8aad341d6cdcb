"""The Sessions page: find a session, list sessions by filters, and export the list as a CSV."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from sqlalchemy import Connection

from livedash_core.enums import CATEGORIES, MISSING, SENTIMENTS, SESSION_OUTCOMES, STAGE_STATES, StageState
from livedash_core.errors import UsageError
from livedash_core.full_text import MAX_MATCHES, MAX_QUERY_CHARACTERS, find
from livedash_core.insights.topics.reading import sessions_of
from livedash_core.operations.session_filter import SessionFilter
from livedash_core.operations.session_list import (
    Count,
    Cursor,
    Page,
    all_sessions,
    count_sessions,
    list_sessions,
)
from livedash_core.operations.session_lookup import MAX_FOUND, find_by_id
from livedash_core.pipeline import Pipeline
from livedash_core.web.access_log import recorded_export
from livedash_core.web.database import Reader
from livedash_core.web.export import csv_lines
from livedash_core.web.filters import Companies, FilterForm, Filters, read_companies
from livedash_core.web.rendering import render

PAGE_SIZE = 40
#: The most rows of an export. Filters by days split a longer one.
MAX_EXPORTED = 20_000
#: The columns beside the session's id: name in an address → heading. Those of ``SHOWN`` are there at first.
COLUMNS = {
    "started": "Started", "stages": "Stages", "category": "Category", "sentiment": "Sentiment", "outcome": "Outcome",
    "missing": "Missing", "language": "Language", "escalated": "Escalated", "hr": "Handed over to HR", "why": "Why",
    "about": "About",
}  # fmt: skip
SHOWN = ("started", "stages", "category", "sentiment", "outcome", "about")
#: In these states, the list says why instead of what the session is about.
WITH_REASON = ("failed", "skipped")
#: In the address, instead of an outcome: analysed, but not for the outcome.
WITHOUT_OUTCOME = "NONE"


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The fields of the Sessions page beside those of the filter form; empty means no restriction.

    ``q`` are words in the messages or the summary; ``sort`` "oldest" reverses the list.
    ``hour`` is a weekday and an hour in the company's time zone, such as 1-9 for Monday from nine on.
    ``kind`` and ``group`` are the error kind and the group of failures that the Failures page links to.
    """

    id: str = ""
    stage: str = ""
    state: str = ""
    category: str = ""
    sentiment: str = ""
    language: str = ""
    outcome: str = ""
    missing: str = ""
    hour: str = ""
    q: Annotated[str, Query(max_length=MAX_QUERY_CHARACTERS)] = ""
    sort: str = ""
    escalated: str = ""
    forwarded_hr: str = ""
    question: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None
    topic: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None
    kind: str = ""
    group: str = ""
    notes: str = ""

    def as_query(self) -> dict[str, Any]:
        """The fields as query parameters."""
        return {name: getattr(self, name) for name in self.__slots__}


Search = Annotated[SearchForm, Depends()]
Columns = Annotated[list[str] | None, Query()]


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's routes."""
    router = APIRouter()

    @router.get("/sessions")
    def sessions(
        request: Request, search: Search, filters: Filters, column: Columns = None, after: str = "", before: str = ""
    ) -> Response:
        """Show a page of the list, or redirect to the session if exactly one has the id in the form."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            page, count = _page(connection, companies, filters, search, pipeline, after, before)
        if search.id and len(page.sessions) == 1:
            return RedirectResponse(f"{request.scope['root_path']}/sessions/{page.sessions[0].id}", status_code=303)
        return render(
            request,
            "sessions.html",
            filters=filters,
            companies=companies,
            timezone=companies.timezone,
            search=search,
            query=search.as_query() | filters.as_query() | {"column": known_columns(column)},
            columns=COLUMNS,
            shown=shown_columns(search, column),
            page=page,
            count=count,
            after=after or before,
            stages=pipeline.names,
            categories=CATEGORIES,
            sentiments=SENTIMENTS,
            outcomes=SESSION_OUTCOMES,
            max_exported=MAX_EXPORTED,
        )

    @router.get("/sessions/export.csv")
    def export(request: Request, search: Search, filters: Filters) -> Response:
        """Export the list as a CSV that is safe to open in a spreadsheet."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            wanted = session_filter(connection, companies, filters, search, pipeline)

        def rows() -> Iterator[str]:
            with read() as connection:
                yield from csv_lines(all_sessions(connection, wanted, pipeline, limit=MAX_EXPORTED), pipeline)

        return StreamingResponse(
            recorded_export(request, filters, companies, "sessions.csv", rows()),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="sessions.csv"'},
        )

    return router


def known_columns(chosen: list[str] | None) -> list[str]:
    """The chosen columns that exist."""
    return [name for name in COLUMNS if name in (chosen or ())]


def shown_columns(search: SearchForm, chosen: list[str] | None) -> list[str]:
    """The columns of the list: those that are chosen and exist, else those that suit the filter."""
    if known := known_columns(chosen):
        return known
    return [("why" if search.state in WITH_REASON and name == "about" else name) for name in SHOWN]


def _page(
    connection: Connection,
    companies: Companies,
    filters: FilterForm,
    search: SearchForm,
    pipeline: Pipeline,
    after: str,
    before: str,
) -> tuple[Page, Count | None]:
    if search.id:
        found = find_by_id(connection, search.id.strip(), companies.ids)
        return Page(found, "most recently imported first", None), Count(len(found), exact=len(found) < MAX_FOUND)
    wanted = session_filter(connection, companies, filters, search, pipeline)
    page = list_sessions(
        connection,
        wanted,
        pipeline,
        after=Cursor.parse(after) if after and not before else None,
        before=Cursor.parse(before) if before else None,
        size=PAGE_SIZE,
        oldest_first=search.sort == "oldest",
    )
    return page, count_sessions(connection, wanted, pipeline)


def session_filter(
    connection: Connection, companies: Companies, filters: FilterForm, search: SearchForm, pipeline: Pipeline
) -> SessionFilter:
    """Raises ``UsageError`` for a value that is not one of a field's choices, or a text without a word."""
    for value, choices in (
        (search.stage, pipeline.names),
        (search.state, STAGE_STATES),
        (search.category, CATEGORIES),
        (search.sentiment, SENTIMENTS),
        (search.sort, ("oldest", "newest")),
        (search.outcome, (*SESSION_OUTCOMES, WITHOUT_OUTCOME)),
        (search.missing, MISSING),
    ):
        if value and value not in choices:
            raise UsageError(f"there is no {value[:40]!r} to filter by; choose from the list")
    scope = replace(filters.scope(companies), stages=(search.stage,) if search.stage else None)
    if search.group:
        scope = replace(scope, error_kinds=(search.kind,))
    words = search.q.replace("\x00", "").strip() or None
    matches = None
    if words:
        matches = find(connection, words, filters.scope(companies).company_ids).session_ids
    elif search.topic is not None:
        matches = sessions_of(connection, search.topic, limit=MAX_MATCHES)
    return SessionFilter(
        scope,
        words=words,
        matches=None if matches is None else tuple(matches),
        state=cast(StageState, search.state) if search.state else None,
        category=search.category or None,
        sentiment=search.sentiment or None,
        language=search.language.replace("\x00", "") or None,
        outcome=search.outcome if search.outcome in SESSION_OUTCOMES else None,
        without_outcome=search.outcome == WITHOUT_OUTCOME,
        hour=_hour(search.hour) if search.hour else None,
        missing=search.missing or None,
        escalated=bool(search.escalated),
        forwarded_hr=bool(search.forwarded_hr),
        question_id=search.question,
        topic_id=search.topic,
        error_group=search.group.replace("\x00", "") if search.group else None,
        notes=bool(search.notes),
    )


def _hour(written: str) -> tuple[int, int]:
    if not (found := re.fullmatch(r"([1-7])-([01]?\d|2[0-3])", written, re.ASCII)):
        raise UsageError(f"there is no hour {written[:20]!r} of a weekday; one is like 1-9, Monday from nine on")
    return int(found[1]), int(found[2])

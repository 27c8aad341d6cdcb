"""The Sessions page: find a session, list sessions by filters, and export the list as a CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, cast

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from sqlalchemy import Connection

from livedash_core.enums import CATEGORIES, SENTIMENTS, STAGE_STATES, StageState
from livedash_core.errors import UsageError
from livedash_core.operations.session_filter import SessionFilter
from livedash_core.operations.session_list import Cursor, Page, all_sessions, find_by_id, list_sessions
from livedash_core.pipeline import Pipeline
from livedash_core.web.access_log import recorded_export
from livedash_core.web.database import Reader
from livedash_core.web.export import csv_lines
from livedash_core.web.filters import Companies, FilterForm, Filters, read_companies
from livedash_core.web.rendering import render

PAGE_SIZE = 40
#: The most rows of an export. Filters by days split a longer one.
MAX_EXPORTED = 20_000


@dataclass(frozen=True, slots=True)
class SearchForm:
    """The fields of the Sessions page beside those of the filter form; empty means no restriction.

    ``kind`` and ``group`` are the error kind and the group of failures that the Failures page links to.
    """

    id: str = ""
    stage: str = ""
    state: str = ""
    category: str = ""
    sentiment: str = ""
    language: str = ""
    escalated: str = ""
    forwarded_hr: str = ""
    question: Annotated[int | None, Query(ge=1, le=2**63 - 1)] = None
    kind: str = ""
    group: str = ""
    notes: str = ""

    def as_query(self) -> dict[str, Any]:
        """The fields as query parameters."""
        return {name: getattr(self, name) for name in self.__slots__}


Search = Annotated[SearchForm, Depends()]


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's routes."""
    router = APIRouter()

    @router.get("/sessions")
    def sessions(request: Request, search: Search, filters: Filters, after: str = "") -> Response:
        """Show a page of the list, or redirect to the session if exactly one has the id in the form."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            page = _page(connection, companies, filters, search, pipeline, after)
        if search.id and len(page.sessions) == 1:
            return RedirectResponse(f"{request.scope['root_path']}/sessions/{page.sessions[0].id}", status_code=303)
        return render(
            request,
            "sessions.html",
            filters=filters,
            companies=companies,
            search=search,
            query=search.as_query() | filters.as_query(),
            page=page,
            after=after,
            stages=pipeline.names,
            categories=CATEGORIES,
            sentiments=SENTIMENTS,
            max_exported=MAX_EXPORTED,
        )

    @router.get("/sessions/export.csv")
    def export(request: Request, search: Search, filters: Filters) -> Response:
        """Export the list as a CSV that is safe to open in a spreadsheet."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
        wanted = _session_filter(companies, filters, search, pipeline)

        def rows() -> Iterator[str]:
            with read() as connection:
                yield from csv_lines(all_sessions(connection, wanted, pipeline, limit=MAX_EXPORTED), pipeline)

        return StreamingResponse(
            recorded_export(request, filters, companies, "sessions.csv", rows()),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="sessions.csv"'},
        )

    return router


def _page(
    connection: Connection,
    companies: Companies,
    filters: FilterForm,
    search: SearchForm,
    pipeline: Pipeline,
    after: str,
) -> Page:
    if search.id:
        return Page(find_by_id(connection, search.id.strip(), companies.ids), "most recently imported first", None)
    wanted = _session_filter(companies, filters, search, pipeline)
    cursor = Cursor.parse(after) if after else None
    return list_sessions(connection, wanted, pipeline, after=cursor, size=PAGE_SIZE)


def _session_filter(companies: Companies, filters: FilterForm, search: SearchForm, pipeline: Pipeline) -> SessionFilter:
    """Raises ``UsageError`` for a value that is not one of a field's choices."""
    for value, choices in (
        (search.stage, pipeline.names),
        (search.state, STAGE_STATES),
        (search.category, CATEGORIES),
        (search.sentiment, SENTIMENTS),
    ):
        if value and value not in choices:
            raise UsageError(f"there is no {value[:40]!r} to filter by; choose from the list")
    scope = replace(filters.scope(companies), stages=(search.stage,) if search.stage else None)
    if search.group:
        scope = replace(scope, error_kinds=(search.kind,))
    return SessionFilter(
        scope,
        state=cast(StageState, search.state) if search.state else None,
        category=search.category or None,
        sentiment=search.sentiment or None,
        language=search.language.replace("\x00", "") or None,
        escalated=bool(search.escalated),
        forwarded_hr=bool(search.forwarded_hr),
        question_id=search.question,
        error_group=search.group.replace("\x00", "") if search.group else None,
        notes=bool(search.notes),
    )

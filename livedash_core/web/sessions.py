"""The Sessions page: find one, or those of a kind, and take the list along as a CSV."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse, StreamingResponse
from sqlalchemy import Connection

from livedash_core.enums import CATEGORIES, SENTIMENTS
from livedash_core.errors import UsageError
from livedash_core.operations.session_filter import STATES, SessionFilter
from livedash_core.operations.session_list import Cursor, Page, all_sessions, find_by_id, list_sessions
from livedash_core.pipeline import Pipeline
from livedash_core.web.database import Reader
from livedash_core.web.export import csv_lines
from livedash_core.web.filters import AskedFilters, Companies, Filters, read_companies
from livedash_core.web.rendering import render

PAGE_SIZE = 40
#: Rows of an export; who wants more narrows it down by days.
MOST_EXPORTED = 20_000


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address says beside company and days; empty means no restriction."""

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

    def as_query(self) -> dict[str, Any]:
        """For an address of ours."""
        return {name: getattr(self, name) for name in self.__slots__}


AskedKind = Annotated[Asked, Depends()]


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's routes."""
    router = APIRouter()

    @router.get("/sessions")
    def sessions(request: Request, asked: AskedKind, filters: AskedFilters, after: str = "") -> Response:
        """A page of the list; straight to the session if an id was typed that only one has."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            page = _page(connection, companies, filters, asked, pipeline, after)
        if asked.id and len(page.sessions) == 1:
            return RedirectResponse(f"{request.scope['root_path']}/sessions/{page.sessions[0].id}", status_code=303)
        return render(
            request,
            "sessions.html",
            filters=filters,
            companies=companies,
            asked=asked,
            query=asked.as_query() | filters.as_query(),
            page=page,
            after=after,
            stages=pipeline.names,
            categories=CATEGORIES,
            sentiments=SENTIMENTS,
            most_exported=MOST_EXPORTED,
        )

    @router.get("/sessions/export.csv")
    def export(asked: AskedKind, filters: AskedFilters) -> Response:
        """The list as a CSV that a spreadsheet may open."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
        wanted = _filter(companies, filters, asked, pipeline)

        def rows() -> Iterator[str]:
            with read() as connection:
                yield from csv_lines(all_sessions(connection, wanted, pipeline, most=MOST_EXPORTED), pipeline)

        return StreamingResponse(
            rows(), media_type="text/csv", headers={"Content-Disposition": 'attachment; filename="sessions.csv"'}
        )

    return router


def _page(
    connection: Connection,
    companies: Companies,
    filters: Filters,
    asked: Asked,
    pipeline: Pipeline,
    after: str,
) -> Page:
    if asked.id:
        return Page(find_by_id(connection, asked.id.strip(), companies.ids), "the last one imported first", None)
    wanted = _filter(companies, filters, asked, pipeline)
    cursor = Cursor.parse(after) if after else None
    return list_sessions(connection, wanted, pipeline, after=cursor, size=PAGE_SIZE)


def _filter(companies: Companies, filters: Filters, asked: Asked, pipeline: Pipeline) -> SessionFilter:
    """Raises ``UsageError`` for a word that the list of choices does not have."""
    for value, known in (
        (asked.stage, pipeline.names),
        (asked.state, STATES),
        (asked.category, CATEGORIES),
        (asked.sentiment, SENTIMENTS),
    ):
        if value and value not in known:
            raise UsageError(f"there is no {value[:40]!r} to filter by; choose from the list")
    wanted = SessionFilter(
        tuple(companies.ids),
        stage=asked.stage or None,
        state=asked.state or None,
        started_from=filters.started_from,
        started_before=filters.started_before,
        category=asked.category or None,
        sentiment=asked.sentiment or None,
        language=asked.language.replace("\x00", "") or None,
        escalated=bool(asked.escalated),
        forwarded_hr=bool(asked.forwarded_hr),
        question_id=asked.question,
    )
    if asked.group:
        wanted = replace(wanted, error_kind=asked.kind.replace("\x00", ""), error_group=asked.group.replace("\x00", ""))
    return wanted

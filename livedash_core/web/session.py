"""The Session page: the stages with each attempt, the conversation, the analysis, and the model calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Request, Response
from markupsafe import escape
from sqlalchemy import Connection

from livedash_core.enums import StageState
from livedash_core.operations.session_list import Cursor, list_sessions
from livedash_core.operations.sessions import MESSAGES, SessionDetails, read_session_details
from livedash_core.parsing.transcript_notes import in_words
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import is_asked_again
from livedash_core.web.access_log import record_session
from livedash_core.web.actions import Action
from livedash_core.web.database import Reader
from livedash_core.web.filters import FilterForm, Filters, check_session, read_companies
from livedash_core.web.labels import STATE_OF
from livedash_core.web.rendering import render
from livedash_core.web.sessions import Columns, Search, SearchForm, known_columns, session_filter
from livedash_core.words import title

#: The most bytes of HTML that the messages on one page take.
MAX_MESSAGE_BYTES = 40_000


class Step(NamedTuple):
    """A stage in the timeline, with its failed attempts and the button that runs it again."""

    stage: str
    state: StageState
    status: Mapping[str, Any]
    attempts: list[dict[str, Any]]
    #: Failed attempts so far, those before a retry by hand included.
    failed_attempts: int
    rerun: Action | None
    skip: Action | None
    notes: list[str]


class Neighbour(NamedTuple):
    """A session next to the shown one, and its place in the list."""

    id: UUID
    at: str


class Neighbours(NamedTuple):
    """The sessions before and after the shown one in the list it was opened from."""

    previous: Neighbour | None = None
    next: Neighbour | None = None


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()

    @router.get("/sessions/{session_id}")
    def session(
        request: Request,
        session_id: UUID,
        filters: Filters,
        search: Search,
        column: Columns = None,
        after: int = 0,
        at: str = "",
    ) -> Response:
        """Show a session; ``after`` is the position of the last message on the previous page.

        ``at`` is its place in the list that the other parameters describe, whose neighbours it links to.

        Raises ``UnknownSession`` (status 404) if there is none that the visitor may read.
        """
        with read() as connection:
            company = check_session(connection, filters, session_id)
            details = read_session_details(connection, session_id, pipeline, messages_after=max(0, after))
            neighbours = _neighbours(connection, filters, search, pipeline, at) if at else Neighbours()
        if not details.session["erased_at"]:
            record_session(request, filters, company, session_id)
        messages = _fit_page(details.messages[:MESSAGES])
        return render(
            request,
            "session.html",
            filters=filters,
            timezone=company.timezone,
            query=search.as_query() | filters.as_query() | {"column": known_columns(column)},
            neighbours=neighbours,
            at=at,
            details=details,
            session=details.session,
            row_notes=in_words(details.session["notes"]),
            steps=[_step(details, status, pipeline) for status in details.stages],
            after=after,
            messages=messages,
            has_more=len(messages) < len(details.messages),
        )

    return router


def _neighbours(
    connection: Connection, filters: FilterForm, search: SearchForm, pipeline: Pipeline, at: str
) -> Neighbours:
    """The sessions before and after ``at`` in the list. Raises what the list raises for these parameters."""
    companies, filters = read_companies(connection, filters)
    wanted = session_filter(connection, companies, filters, search, pipeline)
    oldest_first = search.sort == "oldest"

    def neighbour(**place: Cursor) -> Neighbour | None:
        page = list_sessions(connection, wanted, pipeline, size=1, oldest_first=oldest_first, **place)
        return Neighbour(page.sessions[0].id, str(page.cursors[0])) if page.sessions else None

    return Neighbours(neighbour(before=Cursor.parse(at)), neighbour(after=Cursor.parse(at)))


def _fit_page(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first messages that fit on a page together, at least one."""
    sizes = accumulate(len(escape(message["content"]).encode()) for message in messages)
    fitting = sum(size <= MAX_MESSAGE_BYTES for size in sizes)
    return list(messages[: max(1, fitting)])


def _step(details: SessionDetails, status: Mapping[str, Any], pipeline: Pipeline) -> Step:
    stage = status["stage"]
    state: StageState = STATE_OF[status["status"]]
    if status["status"] == "PENDING":
        state = "waiting" if status["available_at"] is None else "retrying" if status["is_later"] else "ready"
    rerun = skip = None
    if details.session["company_status"] == "ACTIVE" and state != "waiting":
        question = f"Run {title(stage)} and all later stages again for this session?"
        session_id = str(details.session["id"])
        costs = is_asked_again(stage, pipeline)
        rerun = Action(
            "Run again from here",
            question,
            stage,
            {"session_ids": [session_id], "rerun": True},
            forecast={"session": session_id} if costs else None,
        )
        if state == "failed":
            question = f"Skip {title(stage)} of this session for good? It is not retried, and the next stage is due."
            skip = Action("Skip for good", question, stage, {"session_ids": [session_id]}, asks_reason=True)
    attempts = details.attempts.get(stage, [])
    failed = attempts[-1]["attempt"] if attempts else 0
    return Step(stage, state, status, attempts, failed, rerun, skip, in_words(status["metadata"]))

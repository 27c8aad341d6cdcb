"""The Session page: the five stages with every attempt, what was said, what was made of it, and what it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple
from uuid import UUID

from fastapi import APIRouter, Request, Response
from markupsafe import escape

from livedash_core.operations.session_story import MESSAGES, Story, read_session_story
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import is_asked_again
from livedash_core.web.actions import Action
from livedash_core.web.database import Reader
from livedash_core.web.labels import STATE_OF, title
from livedash_core.web.rendering import render

#: Of the messages on a page, as HTML.
MESSAGE_BYTES = 40_000


class Step(NamedTuple):
    """A stage of the timeline."""

    stage: str
    state: str
    status: Mapping[str, Any]
    attempts: list[dict[str, Any]]
    again: Action | None


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()

    @router.get("/sessions/{session_id}")
    def session(request: Request, session_id: UUID, after: int = 0) -> Response:
        """One session; ``after`` is the position of the last message of the page before. Unknown: 404."""
        with read() as connection:
            story = read_session_story(connection, session_id, pipeline, messages_after=max(0, after))
        messages = _that_fit(story.messages[:MESSAGES])
        return render(
            request,
            "session.html",
            story=story,
            about=story.session,
            steps=[_step(story, status, pipeline) for status in story.stages],
            after=after,
            messages=messages,
            there_are_more=len(messages) < len(story.messages),
        )

    return router


def _that_fit(messages: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first messages that together are no more than a page holds, and one at least."""
    sizes = accumulate(len(escape(message["content"]).encode()) for message in messages)
    fitting = sum(size <= MESSAGE_BYTES for size in sizes)
    return list(messages[: max(1, fitting)])


def _step(story: Story, status: Mapping[str, Any], pipeline: Pipeline) -> Step:
    stage = status["stage"]
    state = STATE_OF[status["status"]]
    if status["status"] == "PENDING":
        state = "waiting" if status["available_at"] is None else "retrying" if status["is_later"] else "ready"
    again = None
    if story.session["company_status"] == "ACTIVE" and state != "waiting":
        question = f"Do {title(stage)} and all stages after it again for this session?"
        session_id = str(story.session["id"])
        costs = is_asked_again(stage, pipeline)
        again = Action(
            "Run again from here",
            question,
            stage,
            {"session_ids": [session_id], "rerun": True},
            forecast={"session": session_id} if costs else None,
        )
    return Step(stage, state, status, story.attempts.get(stage, []), again)

"""What asking a model again may cost: told with the question that stands before the start, not with every page."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from livedash_core.costs.reports import describe_forecast
from livedash_core.operations.session_list import list_sessions
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import STAGE
from livedash_core.web.actions import MOST_SESSIONS
from livedash_core.web.database import Reader
from livedash_core.web.failures import of_active
from livedash_core.web.filters import AskedFilters, read_companies


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The route that the pages' script asks."""
    router = APIRouter()

    @router.get("/forecast")
    def forecast(
        filters: AskedFilters, session: UUID | None = None, kind: str | None = None, group: str | None = None
    ) -> dict[str, str]:
        """A sentence about one session, or about those whose analysis has failed: the newest, if they are many."""
        with read() as connection:
            if session is not None:
                return {"sentence": describe_forecast(connection, [session])}
            companies, filters = read_companies(connection, filters)
            wanted = of_active(companies, STAGE, filters, kind, group)
            page = list_sessions(connection, wanted, pipeline, after=None, size=MOST_SESSIONS)
            ids = [found.id for found in page.sessions]
            return {"sentence": describe_forecast(connection, ids, there_are_more=page.next is not None)}

    return router

"""The cost forecast of an action: shown in its confirmation, so that no page computes it."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from livedash_core.costs import describe_forecast
from livedash_core.operations.reanalysis import find_analysed
from livedash_core.operations.session_list import list_sessions
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import STAGE
from livedash_core.web.actions import MAX_RUN_SESSIONS
from livedash_core.web.database import Reader
from livedash_core.web.failures import retryable_sessions
from livedash_core.web.filters import Filters, check_session, read_companies


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The route that the pages' script calls."""
    router = APIRouter()

    @router.get("/forecast")
    def forecast(
        filters: Filters,
        session: UUID | None = None,
        kind: str | None = None,
        group: str | None = None,
        without_outcome: bool = False,
    ) -> dict[str, str]:
        """Forecast the cost of analysing again: one session, or the newest that failed or that have no outcome."""
        with read() as connection:
            if session is not None:
                check_session(connection, filters, session)
                return {"sentence": describe_forecast(connection, [session])}
            companies, filters = read_companies(connection, filters)
            if without_outcome:
                found = find_analysed(
                    connection, filters.scope(companies, only_active=True), limit=MAX_RUN_SESSIONS + 1
                )
                more = len(found) > MAX_RUN_SESSIONS
                sentence = describe_forecast(connection, found[:MAX_RUN_SESSIONS], there_are_more=more)
                return {"sentence": sentence}
            wanted = retryable_sessions(companies, STAGE, filters, kind, group)
            page = list_sessions(connection, wanted, pipeline, after=None, size=MAX_RUN_SESSIONS)
            ids = [failed.id for failed in page.sessions]
            return {"sentence": describe_forecast(connection, ids, there_are_more=page.next is not None)}

    return router

"""The Failures page: what waits for a person, by reason."""

from __future__ import annotations

from typing import NamedTuple

from fastapi import APIRouter, Request, Response

from livedash_core.operations.session_filter import SessionFilter
from livedash_core.operations.session_list import ListedSession, list_sessions
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import STAGE
from livedash_core.status.failure_groups import FailureGroup, list_failure_groups
from livedash_core.web.actions import MOST_SESSIONS, Action
from livedash_core.web.database import Reader
from livedash_core.web.filters import AskedFilters, Companies, Filters, read_companies
from livedash_core.web.labels import title
from livedash_core.web.rendering import render

#: Groups on the page, and example sessions and companies of each.
MOST_GROUPS = 20
EXAMPLES = 3


class GroupRow(NamedTuple):
    """A group with what is shown of it; ``more_companies`` are not named."""

    group: FailureGroup
    companies: list[str]
    more_companies: int
    examples: list[ListedSession]


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's routes."""
    router = APIRouter()

    @router.get("/failures")
    def failures(request: Request, filters: AskedFilters, stage: str = "") -> Response:
        """Grouped by stage, kind and message; the largest first."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            chosen = companies.ids if companies.chosen else None
            groups = [
                group
                for group in list_failure_groups(connection, chosen)
                if group.stage in pipeline.names and (not stage or group.stage == stage)
            ]
            rows = [
                GroupRow(
                    group,
                    [companies.labels[company_id] for company_id in group.company_ids[:EXAMPLES]],
                    max(0, len(group.company_ids) - EXAMPLES),
                    list_sessions(connection, _of(group), pipeline, after=None, size=EXAMPLES).sessions,
                )
                for group in groups[:MOST_GROUPS]
            ]
        return render(
            request,
            "failures.html",
            filters=filters,
            companies=companies,
            stage=stage,
            stages=pipeline.names,
            rows=rows,
            failed=sum(group.sessions for group in groups),
            unshown=len(groups) - len(rows),
            retry=_retry(companies, groups),
            asks_a_model=STAGE,
        )

    @router.get("/failures/sessions")
    def sessions_of_group(stage: str, kind: str, group: str, filters: AskedFilters) -> dict[str, object]:
        """Ids of a group's sessions, the newest failures first, for a run that retries them: at most what a run takes.

        Of active companies: a run refuses the others'.
        """
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            wanted = of_active(companies, stage, filters, kind, group)
            page = list_sessions(connection, wanted, pipeline, after=None, size=MOST_SESSIONS)
        return {"session_ids": [str(session.id) for session in page.sessions], "more": page.next is not None}

    return router


def of_active(companies: Companies, stage: str, filters: Filters, kind: str | None, group: str | None) -> SessionFilter:
    """What a run retries: the failed sessions of active companies, of one group or (None) for whatever reason."""
    return SessionFilter(
        tuple(company.id for company in companies.asked if company.status == "ACTIVE"),
        stage,
        "failed",
        started_from=filters.started_from,
        started_before=filters.started_before,
        error_kind=None if kind is None else kind.replace("\x00", ""),
        error_group=None if group is None else group.replace("\x00", ""),
    )


def _of(group: FailureGroup) -> SessionFilter:
    return SessionFilter(
        group.company_ids, stage=group.stage, state="failed", error_kind=group.error_kind, error_group=group.error_group
    )


def _retry(companies: Companies, groups: list[FailureGroup]) -> Action | None:
    """All failed sessions of the stage that is asked for, or of the only one there is."""
    found = {group.stage for group in groups}
    if len(found) != 1 or not companies.can_run:
        return None
    (only,) = found
    failed = sum(group.sessions for group in groups)
    conf = {"retry_failed": True} | ({"company": companies.chosen.name} if companies.chosen else {})
    question = f"Put the {failed:,} failed sessions back in line and run {title(only)}?"
    asked = {"company": companies.key} if only == STAGE else None
    return Action(f"Retry failed ({failed:,})", question, only, conf, forecast=asked)

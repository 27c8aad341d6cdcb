"""The Failures page: failed sessions grouped by reason."""

from __future__ import annotations

from collections.abc import Iterator, Set
from dataclasses import replace
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from livedash_core.enums import ACTIVE
from livedash_core.operations.rejections import csv_findings, list_rejections
from livedash_core.operations.session_filter import SessionFilter
from livedash_core.operations.session_list import list_sessions
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import STAGE
from livedash_core.stages.csv_import.merge import STAGE as CSV_IMPORT
from livedash_core.status import ProcessingStatusManager, Scope
from livedash_core.status.breakdown import MAX_WINDOW_SESSIONS
from livedash_core.status.failure_groups import (
    FailureGroup,
    list_failure_groups,
    list_failure_groups_in_window,
)
from livedash_core.web.access_log import recorded_export
from livedash_core.web.actions import MAX_RUN_SESSIONS, Action
from livedash_core.web.charts import Sparkline, sparkline
from livedash_core.web.database import Reader
from livedash_core.web.export import rejection_lines
from livedash_core.web.failure_order import DEFAULT, TREND_DAYS, Advice, advice, in_order, trend
from livedash_core.web.filters import Companies, FilterForm, Filters, read_companies
from livedash_core.web.rendering import render
from livedash_core.words import count_of, title

#: The most groups on the page, and the most example sessions and companies of each.
MAX_GROUPS = 20
EXAMPLES = 3
#: The most rejected lines on the page, and in the export.
MAX_REJECTIONS = 50
MAX_EXPORTED = 20_000


class Example(NamedTuple):
    """A session of a failure group, with the whole message."""

    id: UUID
    external_session_id: str
    message: str


class GroupRow(NamedTuple):
    """A failure group as shown: some of its companies and sessions, and the number of companies left out.

    ``message`` is that of the newest example, in full. ``trend`` are numbers per day and the columns of their chart.
    """

    group: FailureGroup
    companies: list[str]
    more_companies: int
    examples: list[Example]
    message: str
    advice: Advice
    trend: list[int]
    sparkline: Sparkline


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's routes."""
    router = APIRouter()

    @router.get("/failures")
    def failures(request: Request, filters: Filters, stage: str = "", order: str = DEFAULT) -> Response:
        """Show the groups by stage, kind and message; what has to be corrected first, or in the order of a column."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            in_window = _in_window(connection, companies, filters)
            found = in_window
            if found is None:
                found = list_failure_groups(connection, filters.scope(companies).company_ids)
            groups = in_order(
                (group for group in found if group.stage in pipeline.names and (not stage or group.stage == stage)),
                order,
            )
            active = {company.id for company in companies.selected if company.status == ACTIVE}
            rows = [
                _row(companies, group, _examples(connection, group, pipeline), active) for group in groups[:MAX_GROUPS]
            ]
            company_ids = filters.scope(companies).company_ids
            shows_csvs = not stage or stage == CSV_IMPORT
            csvs = csv_findings(connection, company_ids) if shows_csvs else []
            rejected = list(list_rejections(connection, company_ids, limit=MAX_REJECTIONS)) if shows_csvs else []
        return render(
            request,
            "failures.html",
            csvs=csvs,
            rejected=rejected,
            rejected_lines=sum(found.rejected for found in csvs),
            filters=filters,
            companies=companies,
            timezone=companies.timezone,
            stage=stage,
            order=order,
            too_many=filters.has_days and in_window is None,
            max_window_sessions=MAX_WINDOW_SESSIONS,
            trend_days=TREND_DAYS,
            stages=pipeline.names,
            rows=rows,
            failed=sum(group.sessions for group in groups),
            hidden_groups=len(groups) - len(rows),
            retry=_retry(companies, groups) if not filters.has_days else None,
            model_stage=STAGE,
        )

    @router.get("/failures/sessions")
    def sessions_of_group(stage: str, kind: str, group: str, filters: Filters) -> dict[str, object]:
        """Return ids of a group's sessions for a run that retries them: the newest failures, as many as a run accepts.

        Sessions of companies that are not active are left out, because a run refuses them.
        """
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            wanted = retryable_sessions(companies, stage, filters, kind, group)
            page = list_sessions(connection, wanted, pipeline, after=None, size=MAX_RUN_SESSIONS)
        return {"session_ids": [str(session.id) for session in page.sessions], "more": page.next is not None}

    @router.get("/failures/rejections.csv")
    def rejections(request: Request, filters: Filters) -> Response:
        """Export the rejected lines of companies' CSVs as a CSV that is safe to open in a spreadsheet."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
        company_ids = filters.scope(companies).company_ids

        def rows() -> Iterator[str]:
            with read() as connection:
                yield from rejection_lines(list_rejections(connection, company_ids, limit=MAX_EXPORTED))

        return StreamingResponse(
            recorded_export(request, filters, companies, "rejections.csv", rows()),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="rejections.csv"'},
        )

    return router


def retryable_sessions(
    companies: Companies, stage: str, filters: FilterForm, kind: str | None, group: str | None
) -> SessionFilter:
    """Select the failed sessions that a run can retry: of active companies, and of one failure group or (None) all."""
    scope = replace(filters.scope(companies, only_active=True), stages=(stage,))
    if kind is not None:
        scope = replace(scope, error_kinds=(kind,))
    return SessionFilter(scope, state="failed", error_group=None if group is None else group.replace("\x00", ""))


def _in_window(connection: Connection, companies: Companies, filters: FilterForm) -> list[FailureGroup] | None:
    """The groups of the sessions that started on the form's days; None without days, or for too many sessions."""
    return list_failure_groups_in_window(connection, filters.scope(companies)) if filters.has_days else None


def _examples(connection: Connection, group: FailureGroup, pipeline: Pipeline) -> list[Example]:
    """The newest sessions of a group. A window has read them; else an index has them."""
    if group.newest:
        manager = ProcessingStatusManager(connection, pipeline=pipeline)
        found = manager.get_failed_sessions(Scope(stages=(group.stage,), session_ids=group.newest))
        return [Example(one.session_id, one.external_session_id, one.error_message) for one in found]
    scope = Scope(stages=(group.stage,), company_ids=group.company_ids, error_kinds=(group.error_kind,))
    wanted = SessionFilter(scope, state="failed", error_group=group.error_group)
    return [
        Example(one.id, one.external_session_id, one.reasons.get(group.stage, group.error_group))
        for one in list_sessions(connection, wanted, pipeline, after=None, size=EXAMPLES).sessions
    ]


def _row(companies: Companies, group: FailureGroup, examples: list[Example], active: Set[UUID]) -> GroupRow:
    numbers = trend(group, datetime.now(UTC).date())
    return GroupRow(
        group,
        [companies.labels[company_id] for company_id in group.company_ids[:EXAMPLES]],
        max(0, len(group.company_ids) - EXAMPLES),
        examples,
        examples[0].message if examples else group.error_group,
        advice(group, is_active=not active.isdisjoint(group.company_ids)),
        numbers,
        sparkline(numbers),
    )


def _retry(companies: Companies, groups: list[FailureGroup]) -> Action | None:
    """The button that retries all failed sessions, if all groups are of one stage."""
    failed_stages = {group.stage for group in groups}
    if len(failed_stages) != 1 or not companies.can_run:
        return None
    (stage,) = failed_stages
    failed = sum(group.sessions for group in groups)
    conf = {"retry_failed": True} | ({"company": companies.chosen.name} if companies.chosen else {})
    question = f"Reset {count_of(failed, 'failed session')} and run {title(stage)}?"
    forecast = {"company": companies.key} if stage == STAGE else None
    return Action(f"Retry failed ({failed:,})", question, stage, conf, forecast=forecast)

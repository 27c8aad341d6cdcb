"""The Pipeline page: sessions per stage and state, throughput and latency, and failures that need attention."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from livedash_core.alerts.rules import TITLES
from livedash_core.alerts.store import OpenAlert, last_evaluation, list_alerts
from livedash_core.costs import CostLine, read_costs
from livedash_core.insights.reading import AnalysisSource, analysis_sources
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import STAGE
from livedash_core.status import Breakdown, StageActivity, activity, read_breakdown
from livedash_core.status.breakdown import MAX_WINDOW_SESSIONS, count_retrying, read_breakdown_in_window
from livedash_core.status.incidents import Incident, group_by_cause, list_incidents
from livedash_core.web.actions import Action
from livedash_core.web.charts import Segment, Sparkline, sparkline, stacked
from livedash_core.web.database import Reader
from livedash_core.web.filters import Companies, FilterForm, Filters, read_companies
from livedash_core.web.rendering import render
from livedash_core.words import count_of, title

#: The rules are evaluated every five minutes.
MAX_EVALUATION_AGE = timedelta(minutes=30)


class StageRow(NamedTuple):
    """A row of the table of stages; ``counts`` has a number for each of ``labels.STATES``."""

    name: str
    counts: dict[str, int]
    bar: list[Segment]
    activity: StageActivity
    sparkline: Sparkline
    actions: list[Action]


class Totals(NamedTuple):
    """The totals on the cards. Each session is counted once: as done, as failed, or as under way."""

    sessions: int
    done: int
    failed: int
    in_progress: int

    @property
    def under_way(self) -> int:
        """Sessions in progress, ready for a stage, or waiting for a retry."""
        return self.sessions - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Overview:
    """The pipeline of one company or all, at one instant."""

    companies: Companies
    breakdown: Breakdown
    retrying: Mapping[str, int]
    activity: Mapping[str, StageActivity]
    #: The incidents of one cause together, the oldest first.
    incidents: list[list[Incident]]
    #: The open alerts, the oldest first, and when the rules were last evaluated.
    alerts: list[OpenAlert]
    evaluated_at: datetime | None
    analyses: list[AnalysisSource]
    #: Costs of the calls since the first of the month (UTC).
    month: CostLine
    #: Too many sessions started in the chosen days to count them; the numbers are of all days.
    too_many: bool


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()

    @router.get("/")
    def show_pipeline(request: Request, filters: Filters) -> Response:
        """Show the pipeline of one company or of all. Raises ``UnknownCompany`` (status 404)."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            overview = read_overview(connection, pipeline, companies, filters)
        return render(
            request,
            "pipeline.html",
            filters=filters,
            overview=overview,
            companies=companies,
            timezone=companies.timezone,
            rows=stage_rows(overview, {} if overview.too_many else filters.as_conf()),
            max_window_sessions=MAX_WINDOW_SESSIONS,
            totals=totals(overview.breakdown),
            first_stage=pipeline.first,
            alert_titles=TITLES,
            alerts_are_old=overview.evaluated_at is not None
            and overview.evaluated_at < datetime.now(UTC) - MAX_EVALUATION_AGE,
        )

    return router


def read_overview(connection: Connection, pipeline: Pipeline, companies: Companies, filters: FilterForm) -> Overview:
    """Read the numbers of the page. Activity and costs are of all days, whichever the form names."""
    scope = filters.scope(companies)
    affected = {None, *(company.name for company in companies.selected)}
    in_window = read_breakdown_in_window(connection, pipeline, scope) if filters.has_days else None
    return Overview(
        companies,
        in_window.breakdown if in_window else read_breakdown(connection, pipeline, scope.company_ids),
        in_window.retrying if in_window else count_retrying(connection, pipeline, scope.company_ids),
        activity(connection, pipeline, scope.company_ids),
        group_by_cause(incident for incident in list_incidents(connection) if incident.company in affected),
        [alert for alert in list_alerts(connection) if alert.company in affected],
        last_evaluation(connection),
        analysis_sources(connection, companies.ids),
        read_costs(connection, company_ids=scope.company_ids, first_day=datetime.now(UTC).date().replace(day=1)).total,
        filters.has_days and in_window is None,
    )


def stage_rows(overview: Overview, days: Mapping[str, str]) -> list[StageRow]:
    """Build the rows of the table of stages; their buttons start runs for ``days`` (fields of the run's form)."""
    rows = []
    for stage, statuses in overview.breakdown.stages.items():
        ready = overview.breakdown.ready(stage)
        # The two numbers come from two queries: the clock goes on between them.
        retrying = min(overview.retrying[stage], ready)
        counts = {
            "completed": statuses["COMPLETED"],
            "skipped": statuses["SKIPPED"],
            "in-progress": statuses["IN_PROGRESS"],
            "ready": ready - retrying,
            "retrying": retrying,
            "waiting": overview.breakdown.waiting(stage),
            "failed": statuses["FAILED"],
        }
        throughput = overview.activity[stage]
        actions = _actions(overview, stage, counts, days)
        rows.append(StageRow(stage, counts, stacked(counts), throughput, sparkline(throughput.last_day), actions))
    return rows


def totals(breakdown: Breakdown) -> Totals:
    """Compute the totals. A stage opens when the one before is finished, so a session fails in one stage at most."""
    return Totals(
        sessions=breakdown.total_sessions,
        done=breakdown.done(list(breakdown.stages)[-1]),
        failed=sum(statuses["FAILED"] for statuses in breakdown.stages.values()),
        in_progress=sum(statuses["IN_PROGRESS"] for statuses in breakdown.stages.values()),
    )


def _actions(overview: Overview, stage: str, counts: Mapping[str, int], days: Mapping[str, str]) -> list[Action]:
    if not overview.companies.can_run:
        return []
    company = overview.companies.chosen
    of_company = f" of {company.label}" if company else ""
    conf = {"company": company.name} if company else {}
    in_days = " that started on these days" if days else ""
    question = f"Run {title(stage)} now for all due sessions{of_company}{in_days}?"
    forecast = {"company": overview.companies.key, **days} if stage == STAGE else None
    actions = [Action("Run now", question, stage, {**conf, **days})]
    if failed := counts["failed"]:
        question = f"Reset {count_of(failed, 'failed session')}{of_company}{in_days} and run {title(stage)}?"
        retry = {**conf, **days, "retry_failed": True}
        actions.append(Action(f"Retry failed ({failed:,})", question, stage, retry, forecast=forecast))
    if stage != next(iter(overview.breakdown.stages)):
        question = f"Retry {title(stage)} for the sessions{of_company} that started on these days and failed?"
        actions.append(Action("Backfill days", question, stage, conf, "backfill", forecast))
    return actions

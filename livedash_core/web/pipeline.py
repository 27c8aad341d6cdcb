"""The Pipeline page: how many sessions are where, how briskly it goes, and what needs a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from livedash_core.costs.reports import CostLine, read_costs
from livedash_core.insights.reading import ResolvedAnalyzer, makers
from livedash_core.pipeline import Pipeline
from livedash_core.stages.ai_analysis.batch.selection import STAGE
from livedash_core.status import Breakdown, StageActivity, activity, read_breakdown
from livedash_core.status.incidents import Incident, list_incidents
from livedash_core.status.retrying import count_retrying
from livedash_core.status.window import AT_MOST, read_breakdown_in_window
from livedash_core.web.actions import Action
from livedash_core.web.charts import Column, Segment, columns, stacked
from livedash_core.web.database import Reader
from livedash_core.web.filters import AskedFilters, Companies, Filters, read_companies
from livedash_core.web.labels import title
from livedash_core.web.rendering import render


class StageRow(NamedTuple):
    """One stage; ``counts`` has a number for each of ``labels.STATES``."""

    name: str
    counts: dict[str, int]
    bar: list[Segment]
    activity: StageActivity
    sparkline: list[Column]
    actions: list[Action]


class Totals(NamedTuple):
    """Sessions, each counted once: a session that is not done and has not failed is on its way."""

    sessions: int
    done: int
    failed: int
    in_progress: int

    @property
    def on_the_way(self) -> int:
        """In progress, ready for a stage, or waiting for a retry."""
        return self.sessions - self.done - self.failed


@dataclass(frozen=True, slots=True)
class Overview:
    """The pipeline of one company or all, at one instant."""

    companies: Companies
    breakdown: Breakdown
    retrying: Mapping[str, int]
    activity: Mapping[str, StageActivity]
    incidents: list[Incident]
    analyses: list[ResolvedAnalyzer]
    #: Of the calls made since the first of the month (UTC).
    month: CostLine
    #: More sessions than can be looked at started in the days that were asked for: the numbers are of all days.
    too_many: bool


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()

    @router.get("/")
    def show_pipeline(request: Request, filters: AskedFilters) -> Response:
        """The Pipeline page, of one company (by name) or of all. Raises ``UnknownCompany``: 404."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            overview = read_overview(connection, pipeline, companies, filters)
        return render(
            request,
            "pipeline.html",
            filters=filters,
            overview=overview,
            companies=companies,
            rows=stage_rows(overview, {} if overview.too_many else filters.as_form()),
            most=AT_MOST,
            totals=totals(overview.breakdown),
            first_stage=pipeline.first,
        )

    return router


def read_overview(connection: Connection, pipeline: Pipeline, companies: Companies, filters: Filters) -> Overview:
    """Read it all. What happened lately and what it cost is of all days, whatever was asked for."""
    chosen = companies.ids if companies.chosen else None
    in_window = None
    if filters.has_days:
        window = filters.started_from, filters.started_before
        in_window = read_breakdown_in_window(connection, pipeline, chosen, *window)
    return Overview(
        companies,
        in_window.breakdown if in_window else read_breakdown(connection, pipeline, chosen),
        in_window.retrying if in_window else count_retrying(connection, pipeline, chosen),
        activity(connection, pipeline, chosen),
        [
            incident
            for incident in list_incidents(connection)
            if companies.chosen is None or incident.company in (None, companies.chosen.name)
        ],
        makers(connection, companies.ids),
        read_costs(connection, company_ids=chosen, first_day=datetime.now(UTC).date().replace(day=1)).total,
        filters.has_days and in_window is None,
    )


def stage_rows(overview: Overview, days: Mapping[str, str]) -> list[StageRow]:
    """The table of stages; its buttons start runs for these days (of the run's form)."""
    rows = []
    for stage, found in overview.breakdown.stages.items():
        ready = overview.breakdown.ready(stage)
        # The two are counted one after the other: what is due for a retry is never more than what is not held back.
        retrying = min(overview.retrying[stage], ready)
        counts = {
            "completed": found["COMPLETED"],
            "skipped": found["SKIPPED"],
            "in-progress": found["IN_PROGRESS"],
            "ready": ready - retrying,
            "retrying": retrying,
            "waiting": overview.breakdown.waiting(stage),
            "failed": found["FAILED"],
        }
        active = overview.activity[stage]
        sparkline, actions = columns(active.last_day), _actions(overview, stage, counts, days)
        rows.append(StageRow(stage, counts, stacked(counts), active, sparkline, actions))
    return rows


def totals(breakdown: Breakdown) -> Totals:
    """The cards. A stage opens when the one before is done, so a session fails at one only."""
    return Totals(
        sessions=breakdown.total_sessions,
        done=breakdown.done(list(breakdown.stages)[-1]),
        failed=sum(found["FAILED"] for found in breakdown.stages.values()),
        in_progress=sum(found["IN_PROGRESS"] for found in breakdown.stages.values()),
    )


def _actions(overview: Overview, stage: str, counts: Mapping[str, int], days: Mapping[str, str]) -> list[Action]:
    if not overview.companies.can_run:
        return []
    company = overview.companies.chosen
    whose = f" of {company.label}" if company else ""
    conf = {"company": company.name} if company else {}
    when = " that started in these days" if days else ""
    question = f"Run {title(stage)}{whose} now, for everything that is due{when}?"
    forecast = {"company": overview.companies.key, **days} if stage == STAGE else None
    found = [Action("Run now", question, stage, {**conf, **days})]
    if failed := counts["failed"]:
        question = f"Put the {failed:,} failed sessions{whose}{when} back in line and run {title(stage)}?"
        retry = {**conf, **days, "retry_failed": True}
        found.append(Action(f"Retry failed ({failed:,})", question, stage, retry, forecast=forecast))
    if stage != next(iter(overview.breakdown.stages)):
        question = f"Process the sessions{whose} that started on these days again where {title(stage)} failed?"
        found.append(Action("Backfill days", question, stage, conf, "backfill", forecast))
    return found

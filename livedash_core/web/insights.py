"""The Insights page: how it is going, what people ask, and what to fix first, for the sessions of a period."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple

from fastapi import APIRouter, Query, Request, Response

from livedash_core.enums import CATEGORIES, MISSING, SENTIMENTS, SESSION_OUTCOMES
from livedash_core.errors import UsageError
from livedash_core.insights.counts import MAX_COMPARED, sessions_per_step
from livedash_core.insights.heat_map import HeatMap, heat_map, heat_map_days
from livedash_core.insights.periods import DEFAULT_PRESET, PRESETS, Period
from livedash_core.insights.reading import first_and_last_day, top_questions
from livedash_core.insights.report import Figure, Report, chosen_period, read_report
from livedash_core.operations.reanalysis import STAGE, find_analysed
from livedash_core.pipeline import Pipeline
from livedash_core.web.actions import MAX_RUN_SESSIONS
from livedash_core.web.charts import bars, ticks
from livedash_core.web.database import Reader
from livedash_core.web.filters import Companies, Filters, read_companies
from livedash_core.web.labels import change, language
from livedash_core.web.rendering import render
from livedash_core.web.topics import read_section
from livedash_core.words import title

QUESTIONS = 15
LANGUAGES = 10
WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
#: The steps of colour of the heat map, above 0.
SHADES = 5


class Share(NamedTuple):
    """A value in a list of shares, and the query of its sessions; None: no list of sessions has just these."""

    label: str
    figure: Figure
    query: Mapping[str, str] | None


class Cell(NamedTuple):
    """An hour of a weekday in the heat map; ``hour`` as in an address, ``shade`` from 0 to ``SHADES``."""

    label: str
    hour: str
    sessions: int
    shade: int


def make_router(read: Reader, _pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()

    @router.get("/insights")
    def insights(request: Request, filters: Filters, preset: Annotated[str, Query()] = "") -> Response:
        """Show the days in the filter form, else those of the preset: by default 30, to the latest session."""
        if preset and preset not in PRESETS:
            raise UsageError(f"there is no period {preset[:20]!r}; choose one of {', '.join(PRESETS)}, or two days")
        today = datetime.now(UTC).date()
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            chosen = None if filters.has_days else preset or DEFAULT_PRESET
            days = first_and_last_day(connection, companies.ids)
            period = chosen_period(days, today, filters.first_day, filters.last_day, chosen)
            report = read_report(connection, companies.ids, period, days, today=today)
            per_step = sessions_per_step(connection, companies.ids, period)
            hours = heat_map(connection, companies.ids, period)
            topics_section = read_section(connection, companies.ids, period)
            questions = top_questions(connection, companies.ids, period, limit=QUESTIONS)
        heat_days = heat_map_days(period, len(companies.ids))
        query = {"company": _company_key(companies), **_days(period)}
        chart = bars(per_step)
        return render(
            request,
            "insights.html",
            filters=filters,
            companies=companies,
            presets=PRESETS,
            preset=chosen,
            period=period,
            report=report,
            now=report.now,
            query=query,
            change=change,
            bars=chart,
            unit=period.unit,
            ticks=ticks(max(bar.sessions for bar in chart)),
            outcomes=_shares(report, "outcome", SESSION_OUTCOMES, _without_outcome(report)),
            missing=_shares(report, "missing", MISSING, None),
            sentiments=_shares(report, "sentiment", SENTIMENTS, None),
            categories=_by_size(_shares(report, "category", CATEGORIES, None)),
            languages=_by_size(_shares(report, "language", report.now.values.get("language", {}), None))[:LANGUAGES],
            heat=_heat(hours),
            heat_days=heat_days,
            heat_query=query | _days(heat_days),
            compared=_compared(companies, report),
            max_compared=MAX_COMPARED,
            questions=questions,
            topics_section=topics_section,
            analysis_stage=STAGE,
        )

    @router.get("/insights/without-outcome")
    def without_outcome(filters: Filters) -> dict[str, object]:
        """Return ids of sessions not analysed for their outcome: the newest, as many as a run accepts."""
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            scope = filters.scope(companies, only_active=True)
            ids = find_analysed(connection, scope, limit=MAX_RUN_SESSIONS + 1)
        return {"session_ids": [str(one) for one in ids[:MAX_RUN_SESSIONS]], "more": len(ids) > MAX_RUN_SESSIONS}

    return router


def _days(period: Period) -> dict[str, str]:
    return {"from": str(period.first), "to": str(period.last)}


def _company_key(companies: Companies) -> str:
    """The company in the many addresses of the page: the id, because a name may be long."""
    return str(companies.chosen.id) if companies.chosen else ""


def _shares(report: Report, facet: str, values: Iterable[str], rest: Share | None) -> list[Share]:
    found = []
    for value in values:
        label = language(value) if facet == "language" else title(value)
        found.append(Share(label, report.figure(label, facet, value), {facet: value}))
    return [*found, *([rest] if rest and rest.figure.sessions else [])]


def _without_outcome(report: Report) -> Share:
    now, before = report.now, report.before
    label = "Not yet analysed for it"
    figure = Figure(
        label, "outcome", "NONE", now.without_outcome, now.without_outcome / now.sessions if now.sessions else 0.0,
        before.without_outcome, 0.0, False,
    )  # fmt: skip
    return Share(label, figure, {"outcome": "NONE"})


def _by_size(shares: list[Share]) -> list[Share]:
    return sorted(shares, key=lambda share: -share.figure.sessions)


def _heat(hours: HeatMap) -> list[tuple[str, list[Cell]]]:
    """A row per weekday with a cell per hour."""
    most = max(hours.values(), default=0)
    rows = []
    for weekday, name in enumerate(WEEKDAYS):
        cells = []
        for hour in range(24):
            sessions = hours[weekday, hour]
            shade = -(-SHADES * sessions // most) if most else 0
            label = f"{name}, {hour:02}:00 to {(hour + 1) % 24:02}:00"
            cells.append(Cell(label, f"{weekday + 1}-{hour}", sessions, shade))
        rows.append((name, cells))
    return rows


def _compared(companies: Companies, report: Report) -> list[dict[str, Any]]:
    """The selected companies with their shares in the same days, the most sessions first."""
    found = []
    for company in companies.selected:
        now, before = (counts.companies.get(company.id) for counts in (report.now, report.before))
        if now is not None and now.sessions:
            found.append({"company": company, "now": now, "sessions_before": before.sessions if before else 0})
    return sorted(found, key=lambda row: -row["now"].sessions)

"""The Costs page: the costs of model calls by day, company and model."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from livedash_core.costs import CostLine, Grouping, list_traits, read_costs
from livedash_core.costs.month_forecast import HISTORY_DAYS, month_forecast
from livedash_core.pipeline import Pipeline
from livedash_core.web.access_log import recorded_export
from livedash_core.web.charts import Column, columns
from livedash_core.web.database import Reader
from livedash_core.web.export import cost_lines
from livedash_core.web.filters import FilterForm, Filters, read_companies
from livedash_core.web.rendering import render

DAYS = 30
MAX_DAYS = 366
#: The most companies and models in a table: those with the highest costs.
MAX_LINES = 50


def make_router(read: Reader, _pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()

    @router.get("/costs")
    def costs(request: Request, filters: Filters) -> Response:
        """Show the costs of the days in the filter form (UTC), or of the last 30."""
        first, last = _days(filters)
        today = datetime.now(UTC).date()
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            period: dict[str, Any] = {
                "company_ids": filters.scope(companies).company_ids,
                "first_day": first,
                "last_day": last,
            }
            by_day, by_company, by_model = (
                read_costs(connection, by="day", **period),
                read_costs(connection, by="company", **period),
                read_costs(connection, by="model", **period),
            )
            begin = min(today.replace(day=1), today - timedelta(days=HISTORY_DAYS))
            recent = read_costs(connection, **(period | {"first_day": begin, "last_day": today})).lines
            # Model servers are not of one company: their names may say which model another company uses.
            servers = [] if companies.restricted else [traits.sentence for traits in list_traits(connection)]
        return render(
            request,
            "costs.html",
            servers=servers,
            filters=filters,
            companies=companies,
            first=first,
            last=last,
            total=by_day.total,
            chart=_chart(by_day.lines, first, last),
            forecast=month_forecast({date.fromisoformat(line.key): line.cost_usd for line in recent}, today),
            highest_cost=max((line.cost_usd for line in by_day.lines), default=Decimal(0)),
            tables=[("Company", by_company.lines[:MAX_LINES]), ("Model", by_model.lines[:MAX_LINES])],
        )

    @router.get("/costs/export.csv")
    def export(request: Request, filters: Filters, by: Grouping = "day") -> Response:
        """Export the costs of the same days, by day, company or model, as a CSV that is safe in a spreadsheet."""
        first, last = _days(filters)
        with read() as connection:
            companies, filters = read_companies(connection, filters)

        def rows() -> Iterator[str]:
            with read() as connection:
                company_ids = filters.scope(companies).company_ids
                found = read_costs(connection, by=by, company_ids=company_ids, first_day=first, last_day=last)
            yield from cost_lines(by, found.lines)

        return StreamingResponse(
            recorded_export(request, filters, companies, "costs.csv", rows()),
            media_type="text/csv",
            headers={"Content-Disposition": 'attachment; filename="costs.csv"'},
        )

    return router


def _days(filters: FilterForm) -> tuple[date, date]:
    """The days in the filter form (UTC), or the last 30."""
    last = filters.last_day or datetime.now(UTC).date()
    first = max(filters.first_day or last - timedelta(days=DAYS - 1), last - timedelta(days=MAX_DAYS - 1))
    return min(first, last), last


def _chart(lines: tuple[CostLine, ...], first: date, last: date) -> list[tuple[str, CostLine | None, Column]]:
    """One column per day, with or without calls."""
    line_of = {line.key: line for line in lines}
    days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
    heights = columns([float(line_of[day].cost_usd) if day in line_of else 0 for day in days])
    return [(day, line_of.get(day), column) for day, column in zip(days, heights, strict=True)]

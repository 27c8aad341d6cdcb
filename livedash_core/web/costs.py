"""The Costs page: what the model calls cost, by day, company and model."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from fastapi import APIRouter, Request, Response

from livedash_core.costs.reports import CostLine, read_costs
from livedash_core.pipeline import Pipeline
from livedash_core.web.charts import Column, columns
from livedash_core.web.database import Reader
from livedash_core.web.filters import AskedFilters, read_companies
from livedash_core.web.rendering import render

DAYS = 30
MOST_DAYS = 366
#: Companies and models that are shown, the dearest.
MOST_LINES = 50


def make_router(read: Reader, _pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()

    @router.get("/costs")
    def costs(request: Request, filters: AskedFilters) -> Response:
        """The days that were asked for (of the calls, in UTC), else the last 30."""
        last = filters.last_day or datetime.now(UTC).date()
        first = max(filters.first_day or last - timedelta(days=DAYS - 1), last - timedelta(days=MOST_DAYS - 1))
        first = min(first, last)
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            wanted: dict[str, Any] = {
                "company_ids": companies.ids if companies.chosen else None,
                "first_day": first,
                "last_day": last,
            }
            by_day, by_company, by_model = (
                read_costs(connection, by="day", **wanted),
                read_costs(connection, by="company", **wanted),
                read_costs(connection, by="model", **wanted),
            )
        return render(
            request,
            "costs.html",
            filters=filters,
            companies=companies,
            first=first,
            last=last,
            total=by_day.total,
            chart=_chart(by_day.lines, first, last),
            dearest=max((line.cost_usd for line in by_day.lines), default=Decimal(0)),
            tables=[("Company", by_company.lines[:MOST_LINES]), ("Model", by_model.lines[:MOST_LINES])],
        )

    return router


def _chart(lines: tuple[CostLine, ...], first: date, last: date) -> list[tuple[str, CostLine | None, Column]]:
    """Every day, with or without calls."""
    found = {line.key: line for line in lines}
    days = [(first + timedelta(days=number)).isoformat() for number in range((last - first).days + 1)]
    heights = columns([float(found[day].cost_usd) if day in found else 0 for day in days])
    return [(day, found.get(day), column) for day, column in zip(days, heights, strict=True)]

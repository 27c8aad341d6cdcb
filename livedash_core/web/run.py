"""The page of one run: what failed in it. What moved on, the browser reads from Airflow."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from starlette.exceptions import HTTPException

from livedash_core.operations.run_failures import MAX_READ, RunChanges, read_run
from livedash_core.pipeline import Pipeline
from livedash_core.web.database import Reader
from livedash_core.web.filters import Companies, Filters, read_companies
from livedash_core.web.labels import dag_id as dag_of
from livedash_core.web.rendering import render

#: The most sessions on the page.
SHOWN = 100


def make_router(read: Reader, pipeline: Pipeline) -> APIRouter:
    """The page's route."""
    router = APIRouter()
    stages = {dag_of(stage): stage for stage in pipeline.names}

    @router.get("/runs/{dag}/{run_id}")
    def run(request: Request, dag: str, run_id: str, filters: Filters) -> Response:
        """Show a run of a stage's DAG: what failed, what failed again, and what it works on now."""
        if dag not in stages:
            raise HTTPException(404)
        with read() as connection:
            companies, filters = read_companies(connection, filters)
            changes = read_run(connection, f"{dag}/{run_id}", filters.scope(companies).company_ids)
        return render(
            request,
            "run.html",
            filters=filters,
            companies=companies,
            timezone=_timezone(companies, changes),
            dag=dag,
            run_id=run_id,
            stage=stages[dag],
            changes=changes,
            again=sum(one.is_again for one in changes.failed),
            shown=changes.failed[:SHOWN],
            max_read=MAX_READ,
        )

    return router


def _timezone(companies: Companies, changes: RunChanges) -> str | None:
    """The time zone of the only company of the failures on the page; None if they are of several."""
    of = {one.company_id for one in changes.failed}
    return next((one.timezone for one in companies.selected if {one.id} == of), companies.timezone)

"""The FastAPI application: every route has the same access check, every response the same security headers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Depends, FastAPI, Request
from sqlalchemy import Engine

from livedash_core.operations.company_access import Visitor
from livedash_core.pipeline import Pipeline
from livedash_core.web import costs, errors, failures, forecast, insights, run, session, sessions, static_files, topics
from livedash_core.web import pipeline as pipeline_page
from livedash_core.web.access_log import AccessRecorder
from livedash_core.web.database import page_reader
from livedash_core.web.headers import SecurityHeaders
from livedash_core.web.labels import dag_id

#: Whether the user may start a DAG, by its id.
MayRun = Callable[[str], bool]


def create_app(
    *,
    open_engine: Callable[[], Engine],
    can_read: Callable[..., Any],
    may_run: Callable[..., MayRun],
    visitor: Callable[..., Visitor],
    pipeline: Pipeline,
) -> FastAPI:
    """Build the pages as an application to mount in Airflow; it connects to the database at the first request.

    ``can_read`` is a dependency that raises ``HTTPException`` 401 or 403 for users without access. It applies to
    routes: a sub-application mounted here would not be protected. ``may_run`` is a dependency that returns which DAGs
    the user may start; pages show buttons only for these, and Airflow checks again when one is pressed. ``visitor`` is
    a dependency that returns the user, with the companies that they may read: ``filters.read_companies`` limits every
    page to these. If ``open_engine`` raises a ``LiveDashError``, the page shows it, and the next request calls it
    again.
    """
    allowed_dags, who = Depends(may_run), Depends(visitor)

    def remember_rights(request: Request, allowed: MayRun = allowed_dags, user: Visitor = who) -> None:
        request.state.may_run = allowed
        request.state.visitor = user
        request.state.stage_dags = [dag_id(stage) for stage in pipeline.names]

    app = FastAPI(
        title="LiveDash",
        dependencies=[Depends(can_read), Depends(remember_rights)],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(SecurityHeaders)
    errors.install(app)
    app.state.access_recorder = AccessRecorder(open_engine)
    read = page_reader(open_engine)
    for page in (pipeline_page, failures, forecast, sessions, session, run, costs, insights, topics):
        app.include_router(page.make_router(read, pipeline))
    app.include_router(static_files.router)
    return app

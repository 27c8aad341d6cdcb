"""The application: one guard in front of every route, the same headers on every answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Depends, FastAPI, Request
from sqlalchemy import Engine

from livedash_core.pipeline import Pipeline
from livedash_core.web import costs, errors, failures, forecast, insights, session, sessions, static_files
from livedash_core.web import pipeline as pipeline_page
from livedash_core.web.database import page_reader
from livedash_core.web.headers import SecurityHeaders

#: Says of a DAG whether the user may start it.
MayRun = Callable[[str], bool]


def create_app(
    *,
    open_engine: Callable[[], Engine],
    can_read: Callable[..., Any],
    may_run: Callable[..., MayRun],
    pipeline: Pipeline,
) -> FastAPI:
    """The pages as a FastAPI application to mount in Airflow; nothing connects until one is asked for.

    ``can_read`` is a dependency that raises ``HTTPException`` 401 or 403 for those who may not look. It guards routes:
    never mount a sub-application here, it would stand beside the guard. ``may_run`` is one that says which DAGs the
    user may start, and so which buttons there are; Airflow asks again when one is pressed. ``open_engine`` may raise a
    ``LiveDashError``, which becomes the page; it is asked again at the next request.
    """

    may_run_of_user = Depends(may_run)

    def note(request: Request, allowed: MayRun = may_run_of_user) -> None:
        request.state.may_run = allowed

    app = FastAPI(
        title="LiveDash",
        dependencies=[Depends(can_read), Depends(note)],
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(SecurityHeaders)
    errors.install(app)
    read = page_reader(open_engine)
    for page in (pipeline_page, failures, forecast, sessions, session, costs, insights):
        app.include_router(page.make_router(read, pipeline))
    app.include_router(static_files.router)
    return app

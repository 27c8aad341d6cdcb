"""The application: one guard in front of every route, the same headers on every answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fastapi import Depends, FastAPI
from sqlalchemy import Engine

from livedash_core.web import errors, pages, static_files
from livedash_core.web.database import page_reader
from livedash_core.web.headers import SecurityHeaders


def create_app(
    *, open_engine: Callable[[], Engine], can_read: Callable[..., Any], stages: Callable[[], tuple[str, ...]]
) -> FastAPI:
    """The pages as a FastAPI application to mount in Airflow; nothing connects until one is asked for.

    ``can_read`` is a dependency that raises ``HTTPException`` 401 or 403 for those who may not look. It guards routes:
    never mount a sub-application here, it would stand beside the guard. ``open_engine`` may raise a ``LiveDashError``,
    which becomes the page; it is asked again at the next request.
    """
    app = FastAPI(title="LiveDash", dependencies=[Depends(can_read)], openapi_url=None, docs_url=None, redoc_url=None)
    app.add_middleware(SecurityHeaders)
    errors.install(app)
    app.include_router(pages.make_router(page_reader(open_engine), stages))
    app.include_router(static_files.router)
    return app

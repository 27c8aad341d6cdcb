"""Error responses: a page with one sentence, or JSON if the client does not accept HTML."""

from __future__ import annotations

import logging
from http import HTTPStatus
from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from livedash_core.errors import (
    LiveDashError,
    NoCompanyGranted,
    SystemicError,
    UnknownCompany,
    UnknownSession,
    UnknownTopic,
    UsageError,
)
from livedash_core.web.headers import HEADERS
from livedash_core.web.rendering import airflow_root, render

#: Airflow's login route; it redirects to the auth manager's login page and checks ``next``.
LOGIN = "/api/v2/auth/login"
SENTENCES = {
    403: "LiveDash requires permission to read its DAGs; an administrator of this Airflow can grant it.",
    404: "There is no such page.",
}


DATABASE_DOWN = (
    "The LiveDash database does not answer. The sessions are safe, and the pages work again as soon as it does; "
    "the log of Airflow's API server has the details."
)

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Register the exception handlers."""

    @app.exception_handler(HTTPException)
    async def http_error(request: Request, error: HTTPException) -> Response:
        if error.status_code == 401 and _wants_html(request):
            address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{airflow_root(request)}{LOGIN}?{urlencode({'next': address})}", status_code=303)
        response = _error_response(request, error.status_code, SENTENCES.get(error.status_code, str(error.detail)))
        response.headers.update(error.headers or {})
        return response

    @app.exception_handler(RequestValidationError)
    async def invalid_parameter(request: Request, _: RequestValidationError) -> Response:
        return _error_response(request, 400, "A parameter of this address is not valid.")

    @app.exception_handler(PoolTimeout)
    async def pool_exhausted(request: Request, _: PoolTimeout) -> Response:
        return _error_response(request, 503, "Too many pages are being loaded at the same time; try again in a moment.")

    @app.exception_handler(LiveDashError)
    async def livedash_error(request: Request, error: LiveDashError) -> Response:
        status_code = _status_code(error)
        if isinstance(error, SystemicError):
            # Its text is the driver's, with the server's address and user: for the log, not for a page.
            log.error("A page failed: %s", error)
            return _error_response(request, status_code, DATABASE_DOWN)
        return _error_response(request, status_code, str(error))

    @app.exception_handler(Exception)
    async def internal_error(request: Request, _: Exception) -> Response:
        response = _error_response(request, 500, "This page failed to load; see the log of Airflow's API server.")
        # Starlette runs this handler outside all middleware, SecurityHeaders included.
        response.headers.update(HEADERS)
        return response


def _status_code(error: LiveDashError) -> int:
    if isinstance(error, UnknownCompany | UnknownSession | UnknownTopic):
        return 404
    if isinstance(error, NoCompanyGranted):
        return 403
    return 400 if isinstance(error, UsageError) else 503


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _error_response(request: Request, status_code: int, sentence: str) -> Response:
    if not _wants_html(request):
        return JSONResponse({"detail": sentence}, status_code)
    title = f"{status_code} {HTTPStatus(status_code).phrase}"
    return render(
        request, "message.html", status_code=status_code, title=title, sentence=sentence, again=status_code == 503
    )

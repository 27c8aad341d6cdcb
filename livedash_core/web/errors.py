"""What goes wrong, as a page with one sentence; JSON for those who did not ask for HTML."""

from __future__ import annotations

from urllib.parse import urlencode

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from livedash_core.errors import LiveDashError, UnknownCompany, UnknownSession, UsageError
from livedash_core.web.headers import HEADERS
from livedash_core.web.rendering import airflow_root, render

#: Airflow's own entrance; it knows the auth manager's login page and checks ``next``.
LOGIN = "/api/v2/auth/login"
TITLES = {
    403: "Not for you",
    404: "Not found",
    500: "Something broke",
    503: "Not available",
}
SENTENCES = {
    403: "Seeing LiveDash needs permission to read its DAGs; an administrator of this Airflow can give it.",
    404: "There is no such page.",
}


def install(app: FastAPI) -> None:
    """Register the handlers."""

    @app.exception_handler(HTTPException)
    async def refused(request: Request, error: HTTPException) -> Response:
        if error.status_code == 401 and _wants_html(request):
            asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
            return RedirectResponse(f"{airflow_root(request)}{LOGIN}?{urlencode({'next': asked})}", status_code=303)
        answer = _answer(request, error.status_code, SENTENCES.get(error.status_code, str(error.detail)))
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(RequestValidationError)
    async def unreadable(request: Request, _: RequestValidationError) -> Response:
        return _answer(request, 400, "A part of this address cannot be read; begin again at the list.")

    @app.exception_handler(PoolTimeout)
    async def crowded(request: Request, _: PoolTimeout) -> Response:
        return _answer(request, 503, "Too many pages are being made at once; try again in a moment.")

    @app.exception_handler(LiveDashError)
    async def explained(request: Request, error: LiveDashError) -> Response:
        status_code = (
            404 if isinstance(error, UnknownCompany | UnknownSession) else 400 if isinstance(error, UsageError) else 503
        )
        return _answer(request, status_code, str(error))

    @app.exception_handler(Exception)
    async def broken(request: Request, _: Exception) -> Response:
        answer = _answer(request, 500, "This page could not be made; the log of Airflow's API server says why.")
        # Starlette answers for a bug outside all middleware.
        answer.headers.update(HEADERS)
        return answer


def _wants_html(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")


def _answer(request: Request, status_code: int, sentence: str) -> Response:
    if not _wants_html(request):
        return JSONResponse({"detail": sentence}, status_code)
    title = TITLES.get(status_code, "Not possible")
    return render(request, "message.html", status_code=status_code, title=title, sentence=sentence)

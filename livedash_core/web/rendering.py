"""Templates. Everything that was stored came from a CSV, a transcript or a model: all of it is escaped."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _thousands(number: int) -> str:
    return f"{number:,}"


_templates = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(utc=_utc, thousands=_thousands)


def airflow_root(request: Request) -> str:
    """The path Airflow is served under, without a slash at its end: we are mounted right below it."""
    return str(request.scope.get("root_path", "")).rpartition("/")[0]


def render(request: Request, template: str, *, status_code: int = 200, **context: Any) -> HTMLResponse:
    """A template as an answer. In it ``here`` and ``airflow`` are the paths our pages and Airflow's begin with."""
    content = _templates.get_template(template).render(
        here=request.scope.get("root_path", ""), airflow=airflow_root(request), **context
    )
    return HTMLResponse(content, status_code)

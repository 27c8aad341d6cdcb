"""Renders the templates. Stored text comes from CSVs, transcripts and models, so all of it is escaped."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined

from livedash_core.costs.amounts import amount
from livedash_core.web import labels
from livedash_core.web.times import Clock
from livedash_core.words import count_of, title


def _thousands(number: int) -> str:
    return f"{number:,}"


_templates = Environment(
    loader=PackageLoader(__package__),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters.update(
    thousands=_thousands,
    usd=amount,
    money=amount,
    title_of=title,
    count_of=count_of,
    language=labels.language,
    urlencode_all=partial(quote, safe=""),
    duration=labels.duration,
)
_templates.globals.update(
    dag_id=labels.dag_id,
    STATES=labels.STATES,
    STATE_OF=labels.STATE_OF,
    ERROR_KINDS=labels.ERROR_KINDS,
    analyzed_by=labels.analyzed_by,
)


def airflow_root(request: Request) -> str:
    """Return the path that Airflow is served under, without a slash at its end; the pages are mounted right below."""
    return str(request.scope.get("root_path", "")).rpartition("/")[0]


def render(
    request: Request, template: str, *, status_code: int = 200, timezone: str | None = None, **context: Any
) -> HTMLResponse:
    """Render a template as a response. In it ``here`` and ``airflow`` are the root paths of these pages and of Airflow.

    ``to`` builds the address of a page and leaves out empty parameters. ``may_run`` returns whether the user may start
    a DAG. ``when`` writes an instant in ``timezone`` (None: UTC), the zone of the one company that the page is about.
    """
    here = request.scope.get("root_path", "")
    content = _templates.get_template(template).render(
        here=here,
        airflow=airflow_root(request),
        to=partial(_address, here),
        when=Clock(timezone),
        stage_dags=getattr(request.state, "stage_dags", ()),
        may_run=getattr(request.state, "may_run", lambda _dag_id: False),
        **context,
    )
    return HTMLResponse(content, status_code)


def _address(here: str, path: str = "", query: dict[str, Any] | None = None, /, **more: Any) -> str:
    parameters = {
        name: value if isinstance(value, list) else str(value)
        for name, value in {**(query or {}), **more}.items()
        if value not in (None, "", False, [])
    }
    return f"{here}/{path}" + (f"?{urlencode(parameters, doseq=True)}" if parameters else "")

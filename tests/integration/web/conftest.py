"""The pages mounted as Airflow mounts them, called over ASGI, with a real database."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI, HTTPException
from sqlalchemy import Engine, insert
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from livedash_core.insights import counted_sessions
from livedash_core.models import Session
from livedash_core.operations.company_access import Visitor
from livedash_core.pipeline import BUILT_IN
from livedash_core.web import create_app
from tests.integration.records import NOON, Records

HTML = {"Accept": "text/html,application/xhtml+xml"}

Visit = Callable[..., TestClient]
Analyse = Callable[..., list[UUID]]


def allow_all() -> None:
    """An access check that allows every request."""


def not_logged_in() -> None:
    raise HTTPException(401, "Not authenticated")


def without_permission() -> None:
    raise HTTPException(403, "Forbidden")


def may_run_all() -> Callable[[str], bool]:
    return lambda _dag_id: True


def may_run_none() -> Callable[[str], bool]:
    return lambda _dag_id: False


def reader_of_all() -> Visitor:
    return Visitor("ada", None)


def make_app(open_engine: Callable[[], Engine], can_read: Callable[[], None] = allow_all, **options: Any) -> FastAPI:
    return create_app(
        open_engine=open_engine,
        can_read=can_read,
        may_run=options.get("may_run", may_run_all),
        visitor=options.get("visitor", reader_of_all),
        pipeline=options.get("pipeline", BUILT_IN),
    )


@pytest.fixture
def visit() -> Iterator[Visit]:
    """Opens a browser's view of an app, mounted at /livedash under an Airflow at http://airflow.example."""
    with ExitStack() as stack:

        def open_client(app: FastAPI) -> TestClient:
            client = TestClient(
                Starlette(routes=[Mount("/livedash", app)]),
                base_url="http://airflow.example/livedash/",
                headers=HTML,
                follow_redirects=False,
                raise_server_exceptions=False,
            )
            return stack.enter_context(client)

        yield open_client


@pytest.fixture
def page(visit: Visit, engine: Engine) -> TestClient:
    return visit(make_app(lambda: engine))


def numbers(html: str) -> dict[str, dict[str, int]]:
    """The numbers in the table of stages: stage → state → sessions."""
    return {
        stage: {
            state: int(number.replace(",", ""))
            for state, number in re.findall(r'data-state="([^"]+)"[^>]*>(?:<a [^>]*>)?([\d,]+)<', row)
        }
        for stage, row in re.findall(r'<tr role="row" data-stage="([^"]+)">(.*?)</tr>', html, re.DOTALL)
    }


def cards(html: str) -> dict[str, int]:
    """The numbers on the cards: label → number."""
    (totals,) = re.findall(r'<dl id="totals".*?</dl>', html, re.DOTALL)
    found = re.findall(r"<dt>([^<]+)</dt>\s*<dd>([\d,]+)</dd>", totals)
    return {label: int(number.replace(",", "")) for label, number in found}


@pytest.fixture
def analyse(records: Records, engine: Engine) -> Analyse:
    def write(company_id: UUID, number: int, **columns: Any) -> list[UUID]:
        ids = records.sessions(company_id, number, started_at=columns.get("started_at", NOON), completed_stages=5)
        row = {
            "company_id": company_id,
            "started_at": NOON,
            "ended_at": NOON,
            "analyzer": "offline",
            "analyzed_at": NOON,
            **columns,
        }
        with engine.begin() as connection, counted_sessions(connection, ids):
            connection.execute(insert(Session), [{"id": session_id, **row} for session_id in ids])
        return ids

    return write

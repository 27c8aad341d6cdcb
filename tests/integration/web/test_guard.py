"""Airflow does not protect plugins: every route checks access, and every response has security headers."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi.routing import APIRoute
from sqlalchemy import Engine
from starlette.testclient import TestClient

from livedash_core.web.headers import HEADERS
from livedash_core.web.static_files import MEDIA_TYPES
from tests.integration.web.conftest import Visit, make_app, not_logged_in, without_permission


def addresses(engine: Engine) -> list[str]:
    """One address for each route of the app, parameters filled in."""
    routes = make_app(lambda: engine).routes
    assert all(isinstance(route, APIRoute) for route in routes), "a mount stands beside the guard"
    return [re.sub(r"\{\w+\}", "page.css", route.path).removeprefix("/") for route in routes]


def test_there_are_routes_to_guard(engine: Engine) -> None:
    assert {"", "static/page.css"} <= set(addresses(engine))


def test_no_route_answers_without_a_login(visit: Visit, engine: Engine) -> None:
    visitor = visit(make_app(lambda: engine, not_logged_in))

    for address in addresses(engine):
        answer = visitor.get(address, headers={"Accept": "*/*"})
        assert (answer.status_code, answer.json()) == (401, {"detail": "Not authenticated"}), address


def test_no_route_answers_a_user_without_permission_to_read_the_dags(visit: Visit, engine: Engine) -> None:
    visitor = visit(make_app(lambda: engine, without_permission))

    for address in addresses(engine):
        answer = visitor.get(address)
        assert answer.status_code == 403, address
        assert "permission" in answer.text


def test_a_browser_without_a_login_is_redirected_to_airflows_and_back(visit: Visit, engine: Engine) -> None:
    answer = visit(make_app(lambda: engine, not_logged_in)).get("", params={"company": "Acme & Söhne"})

    assert answer.status_code == 303
    target = urlsplit(answer.headers["location"])
    assert (target.netloc, target.path) == ("", "/api/v2/auth/login")
    assert parse_qs(target.query) == {"next": ["/livedash/?company=Acme+%26+S%C3%B6hne"]}


def test_every_static_file_is_served_and_nothing_else(page: TestClient) -> None:
    for name, media_type in MEDIA_TYPES.items():
        answer = page.get(f"static/{name}")
        assert answer.status_code == 200
        assert answer.headers["content-type"].split(";")[0] == media_type
    for name in ("nothing.css", "..%2fapp.py", "%2e%2e/app.py", "../app.py", "icon.svg%00", "%2fetc%2fpasswd"):
        assert page.get(f"static/{name}").status_code == 404, name


def broken() -> Engine:
    raise RuntimeError("a bug, with a secret in it")


@pytest.mark.parametrize(
    ("address", "guard", "database", "status_code"),
    [
        ("", None, None, 200),
        ("static/page.js", None, None, 200),
        ("static/nothing", None, None, 404),
        ("?company=Nobody", None, None, 404),
        ("elsewhere", None, None, 404),
        ("", not_logged_in, None, 303),
        ("", without_permission, None, 403),
        ("", None, broken, 500),
    ],
)
@pytest.mark.parametrize("accept", ["text/html", "*/*"])
def test_every_response_has_the_security_headers(
    visit: Visit, engine: Engine, address: str, guard: object, database: object, status_code: int, accept: str
) -> None:
    options = {"can_read": guard} if guard else {}
    answer = visit(make_app(database or (lambda: engine), **options)).get(address, headers={"Accept": accept})

    assert answer.status_code == (401 if status_code == 303 and accept == "*/*" else status_code)
    assert {name: answer.headers.get(name) for name in HEADERS} == HEADERS


def test_the_policy_allows_own_files_and_nothing_inline() -> None:
    policy = dict(part.strip().split(" ", 1) for part in HEADERS["Content-Security-Policy"].split(";"))

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'self'",
        "frame-ancestors": "'self'",
        "object-src": "'none'",
    }
    assert HEADERS["Cache-Control"] == "no-store"
    assert HEADERS["X-Content-Type-Options"] == "nosniff"
    assert HEADERS["Referrer-Policy"] == "no-referrer"


def test_an_internal_error_is_a_sentence_and_not_a_stack_trace(visit: Visit) -> None:
    answer = visit(make_app(broken)).get("")

    assert answer.status_code == 500
    assert "log of Airflow" in answer.text
    assert "Traceback" not in answer.text
    assert "secret" not in answer.text

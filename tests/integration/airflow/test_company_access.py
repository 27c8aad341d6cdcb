"""Companies granted by real auth managers: FAB and SimpleAuthManager, with the plugin in Airflow's own application."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import make_url

from livedash_core.operations.company_access import ALL_COMPANIES, company_resource
from tests.integration.records import Records

HERE = Path(__file__).parent
FAB = "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager"
SIMPLE = "airflow.api_fastapi.auth.managers.simple.simple_auth_manager.SimpleAuthManager"
USERS = ("admin", "viewer", "acme", "everything", "nothing", "Viewer", "Admin")

Ask = Callable[..., Any]


@contextmanager
def serve(home: Path, database_url: str, manager: str, **more: str) -> Iterator[Ask]:
    """Airflow's API server with the pages, in a process of its own; yields a function that calls it as a user."""
    url = make_url(database_url)
    passwords = {user: f"pw-{user}" for user in USERS}
    ours = {"conn_type": "postgres", "host": url.query["host"], "login": url.username, "schema": url.database}
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("AIRFLOW", "LIVEDASH"))}
    environment |= {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__AUTH_MANAGER": manager,
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
        "AIRFLOW__API_AUTH__JWT_SECRET": "x" * 64,
        "AIRFLOW__FAB__CACHE_TTL": "0",
        "AIRFLOW_CONN_LIVEDASH_POSTGRES": json.dumps(ours),
        "TEST_PASSWORDS": json.dumps(passwords),
        **more,
    }
    (home / "simple_auth_manager_passwords.json.generated").write_text(json.dumps(passwords))
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(
            [sys.executable, str(HERE / "serve_users.py")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, text=True,
        ) as process,
    ):  # fmt: skip

        def ask(user: str, address: str, accept: Any = "text/html") -> Any:
            process.stdin.write(json.dumps([user, address, accept]) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline()
            assert answer, (home / "log").read_text()[-3000:]
            return json.loads(answer)

        yield ask
        process.stdin.close()


@pytest.fixture
def companies(records: Records) -> dict[str, UUID]:
    found = {name: records.company(name) for name in ("Acme", "Umbrella")}
    for company_id in found.values():
        records.sessions(company_id, 1)
    return found


def test_fab_grants_a_company_like_a_dag(tmp_path: Path, database_url: str, companies: dict[str, UUID]) -> None:
    acme = company_resource(companies["Acme"], "Acme")
    with serve(tmp_path, database_url, FAB, LIVEDASH_COMPANY_ACCESS="granted") as ask:
        ask("make roles", "", {"Admin": [], "Viewer": []})
        # The first page makes what can be granted.
        assert ask("Admin", "/livedash/")[0] == 200
        ask(
            "make roles",
            "",
            {
                "acme": [["can_read", f"DAG:{acme}"]],
                "everything": [["can_read", f"DAG:{ALL_COMPANIES}"]],
                "nothing": [],
            },
        )
        for user in ("Admin", "Viewer", "everything"):
            status, page = ask(user, "/livedash/failures")
            assert (status, "Acme" in page, "Umbrella" in page) == (200, True, True), user
        status, page = ask("acme", "/livedash/failures")
        assert (status, "Acme" in page, "Umbrella" in page) == (200, True, False)
        assert ask("acme", "/livedash/sessions?company=Umbrella")[0] == 404
        assert "Umbrella" not in ask("acme", "/livedash/sessions/export.csv")[1]
        assert ask("nothing", "/livedash/")[0] == 403
        assert ask("", "/livedash/", "*/*")[0] == 401
        # A company's reader need not see Airflow's DAGs.
        assert ask("acme", "/api/v2/dags/livedash_csv_import/dagRuns", "*/*")[0] == 403


def test_simple_auth_manager_has_roles_for_all_companies_only(
    tmp_path: Path, database_url: str, companies: dict[str, UUID]
) -> None:
    with serve(tmp_path, database_url, SIMPLE, LIVEDASH_COMPANY_ACCESS="granted") as ask:
        for user in ("admin", "viewer"):
            status, page = ask(user, "/livedash/failures")
            assert (status, "Acme" in page, "Umbrella" in page) == (200, True, True), user
        assert ask("", "/livedash/", "*/*")[0] == 401

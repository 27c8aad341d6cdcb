"""Serve Airflow with the pages in this process, and call addresses as users: requests are lines of standard input.

A request is a list ``[user, address, accept]``; the answer is a line ``[status, text]``. A separate process, because an
auth manager cannot be replaced once Airflow is imported. With FAB, the roles of ``FAB_ROLES`` are made as a role editor
makes them: permissions that exist are added to a role.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

from airflow.api_fastapi.app import create_app  # noqa: E402 - Airflow logs to the streams that it finds
from airflow.utils.db import initdb  # noqa: E402
from starlette.testclient import TestClient  # noqa: E402

PASSWORDS: dict[str, str] = json.loads(os.environ["TEST_PASSWORDS"])


def make_fab_users(roles: dict[str, list[list[str]]]) -> None:
    """One user per role, of the same name. A role without permissions here is one of FAB's own."""
    from airflow.providers.fab.auth_manager.cli_commands.utils import get_application_builder

    with get_application_builder() as builder:
        manager = builder.sm
        for name, permissions in roles.items():
            role = manager.find_role(name) or manager.add_role(name)
            for action, resource in permissions:
                permission = manager.get_permission(action, resource)
                assert permission is not None, f"there is no {action} on {resource} to grant"
                manager.add_permission_to_role(role, permission)
            if not manager.find_user(name):
                manager.add_user(name, name, name, f"{name}@example.org", role, password=PASSWORDS[name])


def log_in(client: TestClient, user: str) -> dict[str, str]:
    body: dict[str, Any] = {"username": user, "password": PASSWORDS[user]}
    answer = client.post("/auth/token", json=body)
    assert answer.status_code == 201, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


initdb()
with TestClient(create_app(), raise_server_exceptions=False) as client:
    for line in sys.stdin:
        user, address, accept = json.loads(line)
        if user == "make roles":
            make_fab_users(accept)
            found: list[Any] = [0, ""]
        else:
            headers = {"Accept": accept, **(log_in(client, user) if user else {})}
            answer = client.get(address, headers=headers, follow_redirects=False)
            found = [answer.status_code, answer.text]
        answers.write(json.dumps(found) + "\n")
        answers.flush()

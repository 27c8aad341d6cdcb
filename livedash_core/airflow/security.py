"""Permissions of the pages. Airflow does not authenticate requests to a plugin, so the pages ask its auth manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag

#: A user who may read the first stage's DAG may read the pages.
GATE_DAG_ID = "livedash_csv_import"


def can_read() -> Callable[..., Any]:
    """A FastAPI dependency: 401 without a login, 403 without the right to read the DAG."""
    return requires_access_dag("GET", param_dag_id=GATE_DAG_ID)


def may_run(user: GetUserDep) -> Callable[[str], bool]:
    """A FastAPI dependency: a function that says whether the user may start runs and backfills of a DAG."""

    def allowed(dag_id: str) -> bool:
        return get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        )

    return allowed

"""Permissions of the pages. Airflow does not authenticate requests to a plugin, so the pages ask its auth manager."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, resolve_user_from_token
from fastapi import Depends, HTTPException, Request, status

#: A user who may read the first stage's DAG may read the pages.
GATE_DAG_ID = "livedash_csv_import"


async def _require_valid_cookie(request: Request) -> None:
    """Raise 401 for a cookie whose token is not valid: Airflow answers 403, which says that a right is missing.

    A token becomes invalid when the secret changes that Airflow signs with.
    """
    token = request.cookies.get(COOKIE_NAME_JWT_TOKEN)
    if token and "authorization" not in request.headers:
        try:
            await resolve_user_from_token(token)
        except HTTPException as error:
            raise HTTPException(status.HTTP_401_UNAUTHORIZED, error.detail) from error


def can_read() -> Callable[..., Any]:
    """A FastAPI dependency: 401 without a valid login, 403 without the right to read the DAG."""

    async def allowed(
        _login: None = Depends(_require_valid_cookie),
        _access: None = Depends(requires_access_dag("GET", param_dag_id=GATE_DAG_ID)),
    ) -> None:
        """The parameters are checked in this order."""

    return allowed


def may_run(user: GetUserDep) -> Callable[[str], bool]:
    """A FastAPI dependency: a function that says whether the user may start runs and backfills of a DAG."""

    def allowed(dag_id: str) -> bool:
        return get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        )

    return allowed

"""Permissions of the pages. Airflow does not authenticate requests to a plugin, so the pages ask its auth manager."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from types import SimpleNamespace
from typing import Any

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.base_auth_manager import COOKIE_NAME_JWT_TOKEN
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity, DagDetails
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag, resolve_user_from_token
from airflow.utils.session import create_session
from fastapi import Depends, HTTPException, Request, status

from livedash_core.enums import CompanyAccess
from livedash_core.operations.company_access import ALL_COMPANIES, Visitor

log = logging.getLogger(__name__)

#: Where every company is for every reader: a user who may read the first stage's DAG may read the pages.
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


def can_read(access: CompanyAccess) -> Callable[..., Any]:
    """A FastAPI dependency: 401 without a valid login, 403 without the right to read the pages.

    That is the right to read the DAG of the first stage. Where companies are granted, it is the right to read anything
    that is granted as a DAG: a company is, and its readers need not see the runs and logs of DAGs.
    """
    gate = requires_access_dag("GET", param_dag_id=GATE_DAG_ID) if access == "all" else _require_any_dag

    async def allowed(_login: None = Depends(_require_valid_cookie), _access: None = Depends(gate)) -> None:
        """The parameters are checked in this order."""

    return allowed


def _require_any_dag(user: GetUserDep) -> None:
    if not get_auth_manager().is_authorized_dag(method="GET", user=user):
        raise HTTPException(status.HTTP_403_FORBIDDEN, "Forbidden")


def visitor(access: CompanyAccess) -> Callable[..., Visitor]:
    """A FastAPI dependency: the user, and which companies the auth manager grants to them.

    A company is granted as if its resource were a DAG that the user may read. A user who may read every DAG, or the
    resource ``ALL_COMPANIES``, may read every company.
    """

    def current(user: GetUserDep) -> Visitor:
        if access == "all":
            return Visitor(user.get_name(), None)

        def granted(resources: Collection[str]) -> Collection[str]:
            manager = get_auth_manager()
            _make_grantable([ALL_COMPANIES, *resources])
            if manager.is_authorized_dag(method="GET", details=DagDetails(id=ALL_COMPANIES), user=user):
                return resources
            return manager.filter_authorized_dag_ids(dag_ids=set(resources), user=user)

        return Visitor(user.get_name(), granted)

    return current


#: The resources that the auth manager has, as far as this process has made them.
_grantable: set[str] = set()


def _make_grantable(resources: Collection[str]) -> None:
    """Create the resources in an auth manager that keeps a table of them (FAB), where it does for a new DAG.

    This grants no user any right. If it fails, the pages still work, but the resources cannot be granted yet.
    """
    create = getattr(get_auth_manager(), "sync_dag_perms", None)
    missing = [resource for resource in resources if resource not in _grantable]
    if create is None or not missing:
        return
    try:
        with create_session() as session:
            for resource in missing:
                create(SimpleNamespace(dag_id=resource, access_control=None), session=session)
    except Exception:
        log.exception("These companies cannot be granted yet: %s", ", ".join(missing))
    else:
        _grantable.update(missing)


def may_run(user: GetUserDep) -> Callable[[str], bool]:
    """A FastAPI dependency: a function that says whether the user may start runs and backfills of a DAG."""

    def allowed(dag_id: str) -> bool:
        return get_auth_manager().is_authorized_dag(
            method="POST", access_entity=DagAccessEntity.RUN, details=DagDetails(id=dag_id), user=user
        )

    return allowed

"""Who may look at the pages: Airflow authenticates nobody for a plugin, so the pages ask it themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from airflow.api_fastapi.core_api.security import requires_access_dag

#: Whoever may read the first stage's DAG may read the pages.
GATE = "livedash_csv_import"


def can_read() -> Callable[..., Any]:
    """A FastAPI dependency: 401 without a login, 403 without the right to read the DAG."""
    return requires_access_dag("GET", param_dag_id=GATE)

"""The API calls that `livedash up` makes to the Airflow that it starts."""

from __future__ import annotations

from typing import Any, Self

import httpx2


class AirflowApi:
    """A client of the local API server. A request that fails, as before the server is up, is not an error."""

    def __init__(self, url: str, username: str, password: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=10, trust_env=False)
        self._login = {"username": username, "password": password}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def healthy(self) -> bool:
        """Return whether every component has sent a recent heartbeat."""
        health = self._get("/api/v2/monitor/health")
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        return health is not None and all((health.get(part) or {}).get("status") == "healthy" for part in parts)

    def dag_ids(self) -> set[str]:
        """Return the ids of LiveDash's DAGs that are parsed and not paused."""
        found = self._get("/api/v2/dags?tags=livedash&limit=100")
        return {dag["dag_id"] for dag in found["dags"] if not dag["is_paused"]} if found else set()

    def _get(self, path: str) -> dict[str, Any] | None:
        try:
            if "authorization" not in self._client.headers:
                token = self._client.post("/auth/token", json=self._login)
                token.raise_for_status()
                self._client.headers["Authorization"] = f"Bearer {token.json()['access_token']}"
            answer = self._client.get(path)
            answer.raise_for_status()
        except httpx2.HTTPError:
            return None
        found: dict[str, Any] = answer.json()
        return found

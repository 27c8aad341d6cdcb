"""The plugin: the nav item "LiveDash" and the pages behind it. Every Airflow process imports this module."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

from airflow.plugins_manager import AirflowPlugin

from livedash_core.airflow import backfill_notes, preload

log = logging.getLogger(__name__)


def make_app() -> Any:
    """The pages, behind Airflow's login, on the database of the connection ``livedash_postgres``."""
    from livedash_core.airflow.connections import checked_engine
    from livedash_core.airflow.security import can_read, may_run, visitor
    from livedash_core.pipeline import load_pipeline
    from livedash_core.settings import Settings
    from livedash_core.web import create_app

    access = Settings().company_access
    return create_app(
        open_engine=checked_engine,
        can_read=can_read(access),
        may_run=may_run,
        visitor=visitor(access),
        pipeline=load_pipeline(),
    )


class LiveDashPlugin(AirflowPlugin):
    """Registers the pages, the notes of backfills, and what the scheduler imports for its tasks."""

    name = "livedash"
    listeners: list[Any] = [backfill_notes, preload]  # noqa: RUF012 - as the base class declares it
    # Relative: Airflow's <base href> adds the path that Airflow is served under.
    external_views: list[Any] = [  # noqa: RUF012 - as the base class declares it
        {
            "name": "LiveDash",
            "href": "livedash/",
            "destination": "nav",
            "url_route": "livedash",
            "nav_top_level": True,
            "icon": "livedash/static/icon.svg",
        }
    ]

    @cached_property
    def fastapi_apps(self) -> list[dict[str, Any]]:  # type: ignore[override] # Airflow only reads it
        """The pages. Only the API server reads this, so that no other process imports them."""
        try:
            return [{"name": "LiveDash", "app": make_app(), "url_prefix": "/livedash"}]
        except Exception:
            # Airflow does not guard this against errors: one would stop the whole API server.
            log.exception("The LiveDash pages cannot be shown")
            return []

"""The nav item "LiveDash" and the pages behind it. Airflow imports this file in every one of its processes."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

log = logging.getLogger(__name__)


def make_app() -> Any:
    """The pages with Airflow's login in front and the database of its connection behind."""
    from livedash_core.airflow.connections import checked_page_engine
    from livedash_core.airflow.security import can_read, may_run
    from livedash_core.pipeline import load_pipeline
    from livedash_core.web import create_app

    return create_app(
        open_engine=checked_page_engine,
        can_read=can_read(),
        may_run=may_run,
        pipeline=load_pipeline(),
    )


class LiveDashPlugin(AirflowPlugin):
    """Registers the pages."""

    name = "livedash"
    # Relative: Airflow's <base href> puts the path in front that it is served under.
    external_views: ClassVar = [
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
    def fastapi_apps(self) -> list[dict[str, Any]]:
        """Read by the API server alone, so that no other process pays for the pages' imports."""
        try:
            return [{"name": "LiveDash", "app": make_app(), "url_prefix": "/livedash"}]
        except Exception:
            # Airflow reads this outside its guard for broken plugins: an error would stop the whole API server.
            log.exception("The LiveDash pages cannot be shown")
            return []

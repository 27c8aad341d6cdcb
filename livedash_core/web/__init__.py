"""The web pages. Of Airflow they know only the addresses of its login and of its DAGs."""

from livedash_core.web.app import create_app

__all__ = ["create_app"]

"""Airflow's configuration of Celery, and the imports for the tasks that a Celery worker forks.

Airflow uses it when ``AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS`` is
``livedash_core.airflow.celery_config.CELERY_CONFIG``.
"""

from __future__ import annotations

from typing import Any

from airflow.providers.celery.executors.default_celery import DEFAULT_CELERY_CONFIG

#: Celery imports these modules in the worker before it forks the processes of its pool.
CELERY_CONFIG: dict[str, Any] = {**DEFAULT_CELERY_CONFIG, "imports": ("livedash_core.airflow.celery_imports",)}

"""Imports what tasks need into a Celery worker; see ``preload`` and ``celery_config``."""

from livedash_core.airflow.preload import import_for_tasks

import_for_tasks()

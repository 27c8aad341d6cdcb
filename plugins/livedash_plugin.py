"""Registers the LiveDash pages where livedash_core is importable but not installed.

An installed livedash_core registers them itself (entry point ``airflow.plugins``); Airflow reports a plugin that is
registered twice as an error.
"""

from importlib.metadata import entry_points

if not entry_points(group="airflow.plugins", name="livedash"):
    from livedash_core.airflow.plugin import LiveDashPlugin  # noqa: F401 - Airflow finds it by its class

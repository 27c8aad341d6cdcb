"""Loads the DAG livedash_alerts; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.alerts import alerts

alerts()

"""Loads the DAG livedash_retention; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.retention import retention

retention()

"""Loads the DAG livedash_session_creation; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.session_creation import session_creation

session_creation()

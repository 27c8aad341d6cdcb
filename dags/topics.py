"""Loads the DAG livedash_topics; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.topics import topics

topics()

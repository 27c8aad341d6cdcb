"""Loads the DAG livedash_topic_edit; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.topic_edit import topic_edit

topic_edit()

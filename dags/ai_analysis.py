"""Loads the DAG livedash_ai_analysis; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.ai_analysis import ai_analysis

ai_analysis()

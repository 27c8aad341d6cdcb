"""Loads the DAG livedash_question_extraction; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.question_extraction import question_extraction

question_extraction()

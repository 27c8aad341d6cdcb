"""Loads the DAG livedash_transcript_fetch; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.transcript_fetch import transcript_fetch

transcript_fetch()

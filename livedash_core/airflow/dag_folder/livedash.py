"""Loads every LiveDash DAG: the DAG folder of `livedash up` without a checkout, and of the DAG bundle."""

from livedash_core.airflow.all_dags import *  # noqa: F403 - the DAGs' names are made when it is imported

"""Loads the DAG livedash_csv_import; its definition is in livedash_core/airflow/dags/."""

from livedash_core.airflow.dags.csv_import import csv_import

csv_import()

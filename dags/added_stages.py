"""Loads the DAGs of the stages that installed packages add (docs/stages.md)."""

from livedash_core.airflow.dag_loader import load_added_dags

globals().update(load_added_dags())

"""The only room that knows Airflow: connections, Assets, the lanes of a DAG run."""

"""The only package that imports Airflow: connections, Assets, DAGs, the tasks of a DAG run, the plugin."""

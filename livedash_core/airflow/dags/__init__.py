"""One module per DAG. An Airflow DAG bundle may point to this folder: each module assigns its DAG to a name."""

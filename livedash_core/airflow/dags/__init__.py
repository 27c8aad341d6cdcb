"""The definitions of the DAGs, one per module: functions that create them. The files in dags/ call these functions."""

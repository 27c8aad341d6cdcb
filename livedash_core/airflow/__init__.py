"""The only package that imports Airflow: connections, Assets, DAGs, the tasks of a DAG run, the plugin.

Importing it raises ``ConfigurationError`` if Airflow's version is not supported: the DAG files then have an import
error, and the pages are not there.
"""

from livedash_core.operations.airflow_version import check_airflow_version

check_airflow_version()

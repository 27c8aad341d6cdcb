"""Every LiveDash DAG, for the DAG folder of an existing Airflow. One line in a file there loads them::

from livedash_core.airflow.all_dags import *
"""

from livedash_core.airflow.dag_loader import load_all_dags

globals().update(load_all_dags())

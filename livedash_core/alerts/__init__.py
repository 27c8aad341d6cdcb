"""Alerts: rules find facts that need a person, the table keeps them, and Airflow's notifiers send them.

``facts`` reads what the rules look at, ``rules`` are pure functions over it, ``store`` keeps each fact from its
beginning to its end, ``messages`` writes what is sent. ``livedash_core.airflow.alerts`` sends it. No stage and no
status depends on this package.
"""

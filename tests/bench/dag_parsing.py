"""As a program: the seconds that importing Airflow takes, and those of reading our DAG files beyond it, as JSON."""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    began = time.perf_counter()
    from airflow.dag_processing.dagbag import DagBag

    imported = time.perf_counter()
    bag = DagBag(sys.argv[1])
    parsed = time.perf_counter()
    json.dump({"import": imported - began, "parse": parsed - imported, "dags": sorted(bag.dags)}, sys.stdout)


if __name__ == "__main__":
    main()

"""Runs a Celery worker under a loopback address of its own, as if it were on another machine.

The address is the name that Airflow stores with a task, and the API server asks it for the task's log.
"""

from __future__ import annotations

import os
import sys
from multiprocessing import Process

ADDRESS = "LIVEDASH_TEST_WORKER"


def hostname() -> str:
    """The host name of this worker; other components are on 127.0.0.1."""
    return os.environ.get(ADDRESS, "127.0.0.1")


def serve_logs(port: int) -> None:
    import uvicorn

    app = "airflow.utils.serve_logs.log_server:get_app"
    uvicorn.run(app, factory=True, host=hostname(), port=port, log_config=None, access_log=False)


if __name__ == "__main__":
    from airflow.__main__ import main
    from airflow.configuration import conf

    Process(target=serve_logs, args=(conf.getint("logging", "worker_log_server_port"),), daemon=True).start()
    sys.argv = ["airflow", "celery", "worker", "--skip-serve-logs", "--celery-hostname", f"celery@{hostname()}"]
    main()

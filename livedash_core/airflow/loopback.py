"""Runs `airflow scheduler` or `airflow triggerer` with its log server on loopback; `livedash up` runs it as a program.

Airflow's own log server listens on every interface, and no setting changes that.
"""

from __future__ import annotations

import sys
from multiprocessing import Process

#: Component → the option of the section ``logging`` that has its log server's port.
PORT_OPTIONS = {"scheduler": "worker_log_server_port", "triggerer": "trigger_log_server_port"}


def hostname() -> str:
    """Return the host name of every component, which the API server asks for the log of a running task."""
    return "127.0.0.1"


def serve_logs(port: int) -> None:
    """Serve the tasks' logs to the API server, which authenticates with a token."""
    import uvicorn

    uvicorn.run(
        "airflow.utils.serve_logs.log_server:get_app",
        factory=True,
        host=hostname(),
        port=port,
        log_config=None,
        access_log=False,
    )


def run(component: str) -> None:
    """Run the component until it ends; its log server ends with it."""
    from airflow.__main__ import main
    from airflow.configuration import conf

    Process(target=serve_logs, args=(conf.getint("logging", PORT_OPTIONS[component]),), daemon=True).start()
    sys.argv = ["airflow", component, "--skip-serve-logs"]
    main()  # type: ignore[no-untyped-call] # Airflow does not annotate it


if __name__ == "__main__":
    run(sys.argv[1])

"""A local installation: its folders, its secrets, and the environment of its Airflow."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from livedash_core.errors import ConfigurationError
from livedash_core.local.embedded_postgres import Address
from livedash_core.settings import IS_CHECKOUT, PROJECT

USER = "admin"
SAMPLE_CONNECTION = "livedash_sample"


@dataclass(frozen=True)
class Ports:
    """The TCP ports of the processes, all on loopback."""

    web: int
    worker_logs: int
    trigger_logs: int


class LocalInstallation:
    """The folder ``LIVEDASH_HOME``. Passwords and keys are generated once, into a file that only its owner can read."""

    database = "livedash"
    airflow_database = "airflow"

    def __init__(self, home: Path) -> None:
        self.home = home.absolute()
        self.postgres = self.home / "postgres"
        self.airflow = self.home / "airflow"
        self.logs = self.home / "logs"

    def create(self) -> None:
        """Create the folder, for its owner only. An existing folder keeps its permissions.

        Raises ``ConfigurationError`` if it cannot be created.
        """
        try:
            self.home.parent.mkdir(parents=True, exist_ok=True)
            self.home.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"the folder {self.home} cannot be created: {error.strerror}; set LIVEDASH_HOME to another one"
            ) from error

    @property
    def dags(self) -> Path:
        """The DAG folder: the checkout's ``dags``, else the package's folder with one file."""
        return PROJECT / ("dags" if IS_CHECKOUT else "livedash_core/airflow/dag_folder")

    @property
    def plugins(self) -> Path:
        """The plugin folder; without a checkout it is empty, and the package registers its plugin by entry point."""
        return PROJECT / "plugins" if IS_CHECKOUT else self.airflow / "plugins"

    def exists(self) -> bool:
        """Return whether `livedash up` has run in this folder."""
        return (self.home / "secrets.json").exists()

    @cached_property
    def secrets(self) -> dict[str, str]:
        """``admin_password``, ``sample_password``, ``fernet_key``, ``jwt_secret``, ``api_secret``."""
        kept = self.home / "secrets.json"
        if kept.exists():
            found: dict[str, str] = json.loads(kept.read_text())
            return found
        from cryptography.fernet import Fernet  # here, because every command imports this module

        self.create()
        made = {
            "admin_password": secrets.token_urlsafe(9),
            "sample_password": secrets.token_urlsafe(12),
            "fernet_key": Fernet.generate_key().decode(),
            "jwt_secret": secrets.token_hex(64),
            "api_secret": secrets.token_hex(32),
        }
        with os.fdopen(os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(made, file)
        return made

    def airflow_environment(self, socket_directory: Path | None = None, ports: Ports | None = None) -> dict[str, str]:
        """Return the environment of Airflow's processes, sized for a laptop.

        Without ``ports`` it suffices to read connections from the metadata database.
        """
        address = Address(socket_directory or self.postgres, self.airflow_database)
        environment = {
            "AIRFLOW_HOME": str(self.airflow),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address.url("postgresql+psycopg2"),
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN_ASYNC": address.url("postgresql+asyncpg"),
            # The default pool opens dozens of connections in each of five processes.
            "AIRFLOW__DATABASE__SQL_ALCHEMY_POOL_SIZE": "3",
            "AIRFLOW__CORE__FERNET_KEY": self.secrets["fernet_key"],
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self.dags),
            "AIRFLOW__CORE__PLUGINS_FOLDER": str(self.plugins),
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__PARALLELISM": "4",
            "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": f"{USER}:admin",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.airflow / "passwords.json"),
            "AIRFLOW__API__WORKERS": "1",
            "AIRFLOW__API__SECRET_KEY": self.secrets["api_secret"],
            "AIRFLOW__API_AUTH__JWT_SECRET": self.secrets["jwt_secret"],
            "AIRFLOW__DAG_PROCESSOR__PARSING_PROCESSES": "1",
            "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "5",
            "AIRFLOW__SCHEDULER__ENABLE_HEALTH_CHECK": "False",
            # Each stage waits for several rounds of the scheduler's loop, on average half of this each; default 1 s.
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.25",
            "AIRFLOW__LOGGING__LOGGING_LEVEL": "INFO",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        }
        if ports is not None:
            url = f"http://localhost:{ports.web}"
            environment |= {
                "AIRFLOW__API__HOST": "127.0.0.1",
                "AIRFLOW__API__PORT": str(ports.web),
                "AIRFLOW__API__BASE_URL": url,
                "AIRFLOW__CORE__HOSTNAME_CALLABLE": "livedash_core.airflow.loopback.hostname",
                "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"http://127.0.0.1:{ports.web}/execution/",
                "AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT": str(ports.worker_logs),
                "AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT": str(ports.trigger_logs),
            }
        return environment

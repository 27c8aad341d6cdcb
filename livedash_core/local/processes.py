"""Child processes that end when we do: each in a session of its own, with its own log file."""

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

#: Airflow's scheduler lets its tasks finish their hand-over; after that, there is no more asking.
GRACE_SECONDS = 20.0


class Processes:
    """A context manager: what was started in it is ended at its end, and nothing else."""

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
            process.terminate()  # it ends its own children in order; killing them beside it would confuse it
        for process in self._running.values():
            try:
                process.wait(GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                pass
            finally:
                # Also what the process itself left behind in its session.
                _signal_group(process, signal.SIGKILL)
                process.wait()

    def start(self, name: str, *arguments: str) -> None:
        """Start ``python -m arguments…``; Ctrl-C in the terminal does not reach it."""
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
        """Run a program to its end with ``text`` as its input; whether it succeeded."""
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

    def dead(self) -> str | None:
        """The name of a process that ended by itself."""
        return next((name for name, process in self._running.items() if process.poll() is not None), None)

    def log(self, name: str) -> Path:
        """Where its output goes."""
        return self.logs / f"{name}.log"


def _signal_group(process: subprocess.Popen[bytes], number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)

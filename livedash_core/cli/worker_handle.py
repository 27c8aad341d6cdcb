"""Starts a worker process of `livedash process`, gives it orders, and takes its reports."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection, Pipe
from threading import Event, Thread
from typing import Any

from livedash_core.cli.worker import STOP_SIGNALS, Order, Progress
from livedash_core.errors import SystemicError
from livedash_core.stages.report import StageReport

#: Not ``-m``, which would import the module a second time: the package imports it too.
_PROGRAM = "from livedash_core.cli.worker import main; main()"


class WorkerHandle:
    """A worker process, and what it has reported of its present order."""

    def __init__(self) -> None:
        ours, its = Pipe()
        # Blocked until it can handle them: before, Ctrl-C in the terminal would end it with a traceback.
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", _PROGRAM, str(its.fileno())],
                pass_fds=[its.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=2,  # what it prints must not get between the results
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            its.close()
        self._connection: Connection[Any, Any] = ours
        self.report = StageReport("")
        self.finished = Event()
        self._is_done = False
        self.exit_code: int | None = None
        self._on_progress: Callable[[], None] = lambda: None
        Thread(target=self._listen, name="livedash-worker-process", daemon=True).start()

    def begin(self, order: Order, on_progress: Callable[[], None]) -> None:
        """Send an order; ``finished`` is set when it is done or the process has ended."""
        self.report, self._is_done, self._on_progress = StageReport(order.stage), False, on_progress
        self.finished.clear()
        self._send(order)
        if self.exit_code is not None:  # it has ended since the last order
            self.finished.set()

    def end(self) -> StageReport:
        """Wait for the end of the order; returns its report, with an incident if the process died."""
        self.finished.wait()
        if not self._is_done:
            self.report.incidents.append(SystemicError(_death(self._process.pid, self.exit_code or 0), local=True))
        return self.report

    def stop(self) -> None:
        """Ask it to release its claims and end; may be called from a signal handler."""
        self._process.send_signal(signal.SIGTERM)

    def dismiss(self) -> None:
        """Let it end after its order."""
        self._send(None)

    def close(self, deadline: float) -> None:
        """Wait until it has ended; kill it at the deadline."""
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        finally:
            self._process.kill()
            self._process.wait()

    def _listen(self) -> None:
        try:
            while True:
                progress: Progress = self._connection.recv()
                self.report = progress.report
                self._on_progress()
                if progress.is_done:
                    self._is_done = True
                    self.finished.set()
        except (EOFError, OSError):
            self.exit_code = self._process.wait()
        finally:
            self.finished.set()

    def _send(self, order: Order | None) -> None:
        with suppress(OSError):  # it has ended; ``_listen`` notices it
            self._connection.send(order)


def _death(pid: int, exit_code: int) -> str:
    how = f"was killed by signal {-exit_code}" if exit_code < 0 else f"ended with exit code {exit_code}"
    if -exit_code in set(signal.Signals):
        how += f" ({signal.Signals(-exit_code).name})"
    memory = "; the machine may be out of memory: use fewer --workers" if exit_code == -signal.SIGKILL else ""
    return (
        f"a worker process ({pid}) {how}{memory}; others went on. What it had claimed can be claimed again after the "
        "lease, and has used up an attempt"
    )

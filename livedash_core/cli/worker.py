"""A worker process of `livedash process`, which starts it with the descriptor of a socket as its argument.

It receives orders through the socket, runs each with a runner of its own, and sends reports
back. When the command ends, however it ends, the socket is closed: the process releases its claims and ends too.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from livedash_core.cli.context import credentials
from livedash_core.cli.output import limit_logging
from livedash_core.db import make_engine
from livedash_core.errors import LiveDashError, SystemicError
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import StageContext, create_stage
from livedash_core.status import Scope

#: The signals that ask for an orderly end. The command starts its worker processes with both of them blocked.
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
#: Time to release the claims after the command has ended.
_GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Order:
    """One stage to run: its scope, this process's share of the limits, and the database."""

    stage: str
    scope: Scope
    limit: int | None
    settings: Settings
    database_url: str


@dataclass(frozen=True)
class Progress:
    """The report of an order so far; ``is_done``: it is the last one."""

    report: StageReport
    is_done: bool = False


class WorkerProcess:
    """Performs orders one after the other, until the command closes the socket or a signal comes."""

    def __init__(self, command: Connection) -> None:
        self._command = command
        self._orders: SimpleQueue[Order | None] = SimpleQueue()
        self._runner: Runner[Any, Any] | None = None
        self._signal_number: int | None = None
        self._is_stopped = False

    def work(self) -> int:
        """Return the exit code: 128 + the number of the signal that ended the process, otherwise 0."""
        for number in STOP_SIGNALS:
            signal.signal(number, self._on_signal)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOP_SIGNALS)
        threading.Thread(target=self._receive, name="livedash-orders", daemon=True).start()
        while (order := self._orders.get()) is not None:
            self._perform(order)
        return 0 if self._signal_number is None else 128 + self._signal_number

    def _perform(self, order: Order) -> None:
        report = StageReport(order.stage)
        try:
            pipeline = load_pipeline()
            engine = make_engine(order.database_url)
            context = StageContext(engine, order.settings, partial(credentials, order.settings))
            runner = Runner(
                engine,
                create_stage(pipeline.stage(order.stage), context),
                pipeline,
                scope=order.scope,
                limit=order.limit,
                on_progress=self._send,
                ingests=False,
            )
            report, self._runner = runner.report, runner
            if self._is_stopped:
                runner.stop()
            try:
                runner.run()
            finally:
                self._runner = None
                engine.dispose()
        except LiveDashError as error:
            if str(error) not in map(str, report.incidents):
                report.incidents.append(SystemicError(str(error)))
        self._send(report, is_done=True)

    def _send(self, report: StageReport, *, is_done: bool = False) -> None:
        # Plain errors, because one of an added stage may have a constructor that it cannot be unpickled with.
        incidents = [
            SystemicError(str(each), company_id=each.company_id, local=each.local) for each in report.incidents
        ]
        with suppress(OSError):  # the command has ended; ``_receive`` notices it
            self._command.send(Progress(replace(report, incidents=incidents), is_done))

    def _receive(self) -> None:
        """Receive orders until the command has ended; a process that does not end in time then is ended."""
        with suppress(EOFError, OSError):
            while True:
                self._orders.put(self._command.recv())
        self._stop()
        threading.Event().wait(_GRACE_SECONDS)
        os._exit(1)

    def _stop(self) -> None:
        self._is_stopped = True
        self._orders.put(None)
        # Read once: the run may end meanwhile.
        if (runner := self._runner) is not None:
            runner.stop()

    def _on_signal(self, number: int, _frame: object) -> None:
        self._signal_number = number
        self._stop()


def main() -> None:
    """Work for the command that started this process."""
    limit_logging()
    sys.exit(WorkerProcess(Connection(int(sys.argv[1]))).work())

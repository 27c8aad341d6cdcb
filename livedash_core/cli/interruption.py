"""What Ctrl-C and SIGTERM do to `livedash process`."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Self

from livedash_core.cli.output import complain
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.report import StageReport


class Interruption:
    """A context manager. The first signal lets the runner at hand settle and release, and none begins after it; a
    second one ends the program at once.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._came = threading.Event()
        self._stop_it: Callable[[], None] | None = None
        self._before: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, runner: Runner) -> StageReport:
        """``runner.run()``, stopped by the first signal."""
        with self.stops(runner.stop):
            return runner.run()

    @contextmanager
    def stops(self, stop: Callable[[], None]) -> Iterator[None]:
        """Within it, the first signal calls ``stop``."""
        self._stop_it = stop
        if self.signal_number is not None:  # it came before there was anything to stop
            stop()
        yield
        self._stop_it = None

    def wait(self, seconds: float) -> bool:
        """Sleep; True if a signal came, and ended the sleep."""
        return self._came.wait(seconds)

    @property
    def exit_code(self) -> int | None:
        """What a shell expects of a program that a signal ended; None if there was none."""
        return None if self.signal_number is None else 128 + self.signal_number

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number is not None:
            raise KeyboardInterrupt
        self.signal_number = number
        complain("stopping: what is unfinished goes back …", style="")
        self._came.set()
        if self._stop_it is not None:
            self._stop_it()

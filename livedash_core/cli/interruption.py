"""Handles Ctrl-C and SIGTERM during `livedash process`."""

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
    """A context manager. On the first signal the current runner settles and releases its claims, and no other starts; a
    second signal ends the program at once.
    """

    def __init__(self) -> None:
        self.signal_number: int | None = None
        self._came = threading.Event()
        self._is_ended = False
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
        # What fails while an interrupted program releases its sessions is not why it ends.
        if self._is_ended and isinstance(value, Exception):
            raise KeyboardInterrupt from value

    def run(self, runner: Runner[Any, Any]) -> StageReport:
        """Run ``runner``; the first signal stops it."""
        with self.stops(runner.stop):
            return runner.run()

    @contextmanager
    def stops(self, stop: Callable[[], None]) -> Iterator[None]:
        """A context manager within which the first signal calls ``stop``."""
        self._stop_it = stop
        if self.signal_number is not None:  # it came earlier
            stop()
        yield
        self._stop_it = None

    def wait(self, seconds: float) -> bool:
        """Sleep until a signal comes; return whether one came."""
        return self._came.wait(seconds)

    @property
    def exit_code(self) -> int | None:
        """128 + the signal's number, as shells report it; None without a signal."""
        return None if self.signal_number is None else 128 + self.signal_number

    def _stop(self, number: int, _frame: FrameType | None) -> None:
        if self.signal_number is not None:
            self._is_ended = True
            raise KeyboardInterrupt
        self.signal_number = number
        complain("stopping: releasing unfinished sessions …", style="")
        self._came.set()
        if self._stop_it is not None:
            self._stop_it()

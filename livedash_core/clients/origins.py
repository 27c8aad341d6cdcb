"""Per-origin limits: concurrent requests, a circuit breaker, and refusals."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from livedash_core.clients.refusals import Refusals
from livedash_core.clients.source import Source
from livedash_core.errors import TransientError, UnavailableError

#: Consecutive failures; a single one may be due to the file.
FAILURES_BEFORE_OPEN = 3
#: Unless the server's Retry-After is longer. The import's DAG wakes due stages every 15 minutes.
OPEN_CIRCUIT_SECONDS = 600.0


class Origin:
    """A scheme, host and port, shared by all companies with files there. ``concurrency`` limits concurrent requests."""

    def __init__(self, name: str, concurrency: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._slots = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._failures = 0
        self._open_until = 0.0
        self._notice = ""
        self._refusals: dict[Source, Refusals] = {}

    @asynccontextmanager
    async def slot(self, source: Source) -> AsyncIterator[None]:
        """Wait for a slot and hold it; the outcome of the block moves the circuit breaker.

        ``FAILURES_BEFORE_OPEN`` consecutive ``TransientError`` open the circuit: the last of them, and every request
        while it is open, becomes an ``UnavailableError``. After that time a single failure opens it again.

        Once the origin refuses everything of a source, the requests of this source that waited raise the same error:
        sending a refused password repeatedly looks like an attack and may lock the account.
        """
        async with self._slots:
            refusals = self.refusals(source)
            await refusals.begin()
            outcome: BaseException | None = None
            try:
                self._check_closed(source.company)
                async with self._circuit(source.company):
                    yield
            except BaseException as error:
                outcome = error
                raise
            finally:
                refusals.end(outcome)

    def refusals(self, source: Source) -> Refusals:
        """What ``source`` has been refused here."""
        if source not in self._refusals:
            self._refusals[source] = Refusals(source, is_home=self._name == source.csv_origin)
        return self._refusals[source]

    @asynccontextmanager
    async def _circuit(self, company: str) -> AsyncIterator[None]:
        try:
            yield
        except TransientError as error:
            self._failures += 1
            if self._failures >= FAILURES_BEFORE_OPEN:
                self._open_circuit(max(error.retry_after_seconds or 0.0, OPEN_CIRCUIT_SECONDS))
                self._check_closed(company)
            raise
        except Exception:
            self._failures = 0  # the server answered
            raise
        self._failures = 0

    def _open_circuit(self, seconds: float) -> None:
        self._open_until = self._clock() + seconds
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self._notice = (
            f"{self._name} failed {FAILURES_BEFORE_OPEN} times in a row and is left alone until "
            f"{until:%Y-%m-%d %H:%MZ}, and its sessions wait without losing an attempt"
        )

    def _check_closed(self, company: str) -> None:
        remaining = self._open_until - self._clock()
        if remaining > 0:
            raise UnavailableError(f"{company}: {self._notice}", retry_after_seconds=remaining)

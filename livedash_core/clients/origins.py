"""Politeness and patience, per origin: how many requests at once, and when not to ask a server any more."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from livedash_core.clients.source import Source
from livedash_core.errors import SystemicError, TransientError, UnavailableError

#: One after the other, without an answer in between: then it is the server, not the file.
FAILURES_BEFORE_OPEN = 3
#: Unless the server asked for more. Imports look every 15 minutes whether something is due.
OPEN_CIRCUIT_SECONDS = 600.0


class Origin:
    """One scheme, host and port, whoever's files are there. ``concurrency`` is how many requests it gets at once."""

    def __init__(self, name: str, concurrency: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._turns = asyncio.Semaphore(concurrency)
        self._clock = clock
        self._failures = 0
        self._rests_until = 0.0
        self._notice = ""
        self._refusals: dict[Source, str] = {}

    @asynccontextmanager
    async def turn(self, source: Source) -> AsyncIterator[None]:
        """Wait for a turn and hold it; what is raised inside tells how the server is.

        After ``FAILURES_BEFORE_OPEN`` ``TransientError`` in a row the origin rests: the last of them, and whoever
        comes then, is told so by ``UnavailableError`` at once. After its rest a single failure is enough.

        A ``SystemicError`` ends it for its company: whoever waited for a turn gets the same one. A refused password
        that is sent again and again looks like an attack, and may lock the account.
        """
        async with self._turns:
            self._refuse_again(source)
            self._refuse_while_at_rest(source.company)
            try:
                yield
            except TransientError as error:
                self._failures += 1
                if self._failures >= FAILURES_BEFORE_OPEN:
                    self._rest(max(error.retry_after_seconds or 0.0, OPEN_CIRCUIT_SECONDS))
                    self._refuse_while_at_rest(source.company)
                raise
            except SystemicError as error:
                self._failures = 0
                self._refusals[source] = str(error)
                raise
            except Exception:
                self._failures = 0  # a refusal is an answer too
                raise
            self._failures = 0

    def _rest(self, seconds: float) -> None:
        self._rests_until = self._clock() + seconds
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self._notice = (
            f"{self._name} failed {FAILURES_BEFORE_OPEN} times in a row and is left alone until "
            f"{until:%Y-%m-%d %H:%MZ}; its sessions wait, and lose no attempt"
        )

    def _refuse_again(self, source: Source) -> None:
        # A new error each time: the first one's traceback would keep all that its request held.
        if source in self._refusals:
            raise SystemicError(self._refusals[source], company_id=source.company_id)

    def _refuse_while_at_rest(self, company: str) -> None:
        remaining = self._rests_until - self._clock()
        if remaining > 0:
            raise UnavailableError(f"{company}: {self._notice}", retry_after_seconds=remaining)

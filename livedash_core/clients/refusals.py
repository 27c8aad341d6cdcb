"""Decides what the refusals (401, 403) of an origin mean: one URL, or everything that a source has there."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from livedash_core.clients.source import Source
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, UnavailableError

#: So many refusals, and not one file: the source refuses everything.
REFUSALS_WITHOUT_SUCCESS = 3
#: So many in a row after a success: the login was changed meanwhile. Without a login a refusal is always one URL's.
REFUSALS_AFTER_SUCCESS = 10
#: Until sessions without a login are tried again, after others of their company.
RETRY_SECONDS = 600.0
#: Workers that ended a request begin their next one within this.
_GRACE_SECONDS = 0.05


class RefusedError(PermanentError):
    """A server answered 401 or 403. The text is that of a refused URL, ``of_everything`` that of a refused source."""

    def __init__(self, message: str, *, of_everything: str, wants_login: bool) -> None:
        super().__init__(message)
        self.of_everything = of_everything
        #: 401: what is missing can only be credentials.
        self.wants_login = wants_login


class Refusals:
    """The refusals that one source meets at one origin, in the life of a fetcher.

    A refused request waits, without a slot, until others have answered: one success, and the refusals concern their
    URLs alone. ``REFUSALS_WITHOUT_SUCCESS`` without a success stop the source. Too few to tell: ``probe`` decides.

    With a login at the company's own origin a stop is a ``SystemicError``: a refused password must not be sent again.
    With a 403 and no login it is an ``UnavailableError`` for the refused sessions, so that others of the company come
    first: files that are missing from a storage service must not block those that are there.
    """

    def __init__(self, source: Source, *, is_home: bool) -> None:
        self._company_id = source.company_id
        self._is_home = is_home
        self._has_login = is_home and source.credentials is not None
        self._accepted = False
        self._in_a_row = 0
        self._stopped: str | None = None
        self._in_flight = 0
        #: Set while no request is under way, and for good after a success.
        self._quiet = asyncio.Event()
        #: Cleared while a refusal is judged before others may follow.
        self._open = asyncio.Event()
        self._open.set()
        self._probing = asyncio.Lock()

    async def begin(self) -> None:
        """Wait while refusals are being judged, then count a request. Raises the error of a stopped source."""
        await self._open.wait()
        if self._stopped is not None:
            raise self._stop(self._stopped)
        self._in_flight += 1
        if not self._accepted:
            self._quiet.clear()

    def end(self, outcome: BaseException | None) -> None:
        """Note how the request that ``begin`` counted has ended; None is a success."""
        self._in_flight -= 1
        if outcome is None:
            self._accepted, self._in_a_row = True, 0
            self._open.set()
        elif isinstance(outcome, RefusedError):
            self._in_a_row += 1
            # A login that may be wrong is not sent once more before the verdict.
            if not self._accepted:
                self._open.clear()
        if self._accepted or not self._in_flight:
            self._quiet.set()

    async def judge(self, error: RefusedError, probe: Callable[[], Awaitable[bool]]) -> ProcessingError:
        """The error to raise for a refused request, which holds no slot any more.

        ``probe`` tells whether the server serves the company's CSV with the same credentials.
        """
        try:
            await self._decide(error, probe)
        finally:
            self._open.set()
        if self._stopped is None:
            return error
        if self._has_login or error.wants_login:
            return self._stop(self._stopped)
        return UnavailableError(self._stopped, retry_after_seconds=RETRY_SECONDS)

    async def _decide(self, error: RefusedError, probe: Callable[[], Awaitable[bool]]) -> None:
        """Return once ``error`` is known to concern its URL alone, or that everything is refused."""
        if self._accepted and self._has_login and self._in_a_row >= REFUSALS_AFTER_SUCCESS:
            self._stopped = error.of_everything
        while self._stopped is None:
            await self._quiet.wait()
            if self._accepted:
                return
            if self._in_flight or self._stopped is not None:
                continue
            if not self._is_suspicious:
                is_served = await self._probe(probe) if self._is_home else True
                if is_served:
                    return
                if is_served is None or self._accepted or self._stopped is not None:
                    continue
            self._stopped = error.of_everything

    @property
    def _is_suspicious(self) -> bool:
        return not self._accepted and self._stopped is None and self._in_a_row >= REFUSALS_WITHOUT_SUCCESS

    async def _probe(self, probe: Callable[[], Awaitable[bool]]) -> bool | None:
        """What ``probe`` answers; None if more is known, or will be, without it."""
        async with self._probing:
            await asyncio.sleep(_GRACE_SECONDS)
            if self._accepted or self._stopped is not None or self._in_flight or self._is_suspicious:
                return None
            return await probe()

    def _stop(self, message: str) -> ProcessingError:
        if self._is_home:
            return SystemicError(message, company_id=self._company_id)
        return UnavailableError(message, retry_after_seconds=RETRY_SECONDS)

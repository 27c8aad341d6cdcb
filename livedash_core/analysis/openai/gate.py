"""Admit calls to one model server: alone until it has answered one, then as many as its adaptive limit allows."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from livedash_core.analysis.openai.adaptive_limit import AdaptiveLimit


class Ticket:
    """A call that was admitted as number ``number``, with ``concurrent`` calls under way, itself included."""

    def __init__(self, number: int, concurrent: int) -> None:
        self.number = number
        self.concurrent = concurrent
        self.is_sent = False
        self.sent_at = 0.0

    def sent(self) -> None:
        """Start the measurement of the call's latency."""
        self.is_sent, self.sent_at = True, time.monotonic()


class Gate:
    """The admission of calls, in the order in which they come.

    The server is in doubt at first and after ``doubt``, until it answers a call that was admitted later. While it is in
    doubt, one call at a time is admitted: the leader.
    """

    def __init__(self, limit: AdaptiveLimit) -> None:
        self.limit = limit
        self._in_doubt = True
        self._doubted_at = 0
        self._last_admitted = 0
        #: The latest call that was answered.
        self.last_answered = 0
        self._in_flight = 0
        self._leader: Ticket | None = None
        #: A call is being prepared that is to be the leader.
        self._is_preparing = False
        self._waiting: deque[asyncio.Future[Ticket]] = deque()
        self._changed: list[asyncio.Future[None]] = []

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Ticket]:
        """Wait until a call is admitted, and hold its place within the context."""
        ticket = self._admit() if self._has_room() and not self._waiting else await self._wait()
        try:
            yield ticket
        finally:
            self._release(ticket)

    @asynccontextmanager
    async def prepare(self) -> AsyncIterator[None]:
        """Prepare and make a call within the context. While the server is in doubt, one call at a time is prepared."""
        while self._in_doubt and self._is_preparing:
            await self._change()
        alone = self._is_preparing = self._in_doubt
        try:
            yield
        finally:
            if alone:
                self._is_preparing = False
                self._notify()

    def doubt(self) -> int:
        """Admit one call at a time from now on; returns the number of the last call that was admitted."""
        self._in_doubt, self._doubted_at = True, self._last_admitted
        return self._last_admitted

    def answered(self, ticket: Ticket) -> None:
        """The server answered a call: it works, unless it came into doubt after the call was admitted."""
        self.last_answered = max(self.last_answered, ticket.number)
        if ticket.number > self._doubted_at:
            self._in_doubt = False
        self._notify()

    async def take_lead(self, ticket: Ticket) -> bool:
        """Make an admitted call the leader. If another call is or will be it, wait for a change and return False."""
        self._admit_waiting()
        if self._leader is None:
            self._leader = ticket
        if self._leader is ticket:
            return True
        await self._change()
        return False

    def next_call(self) -> Ticket:
        """Admit another call of the leader, in its own place."""
        self._last_admitted += 1
        return Ticket(self._last_admitted, self._in_flight)

    def _has_room(self) -> bool:
        return self._leader is None if self._in_doubt else self._in_flight < self.limit.value

    def _admit(self) -> Ticket:
        self._in_flight += 1
        ticket = self.next_call()
        if self._in_doubt:
            self._leader = ticket
        return ticket

    def _release(self, ticket: Ticket) -> None:
        self._in_flight -= 1
        if self._leader is ticket:
            self._leader = None
        self._notify()

    async def _wait(self) -> Ticket:
        place: asyncio.Future[Ticket] = asyncio.get_running_loop().create_future()
        self._waiting.append(place)
        try:
            return await place
        except asyncio.CancelledError:
            if place.cancelled():
                self._waiting.remove(place)
                self._notify()
            else:  # it was admitted in the same moment
                self._release(place.result())
            raise

    async def _change(self) -> None:
        changed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._changed.append(changed)
        await changed

    def _notify(self) -> None:
        self._admit_waiting()
        changed, self._changed = self._changed, []
        for future in changed:
            if not future.done():
                future.set_result(None)

    def _admit_waiting(self) -> None:
        while self._waiting and self._has_room():
            place = self._waiting[0]
            if place.cancelled():
                return  # its task removes it
            self._waiting.popleft()
            place.set_result(self._admit())

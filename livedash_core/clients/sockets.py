"""A TCP or TLS connection as httpcore2 wants it: asyncio's transports with nothing in between.

httpcore2's own goes through anyio, which takes as long for a transcript as all of our own code does.
"""

from __future__ import annotations

import asyncio
import select
from typing import Any, cast

import httpcore2

#: What came and was not read yet; beyond that the server has to wait.
_UNREAD_BYTES = 256 * 1024


class Socket(asyncio.Protocol, httpcore2.AsyncNetworkStream):
    """What ``create_connection`` connects. One reader at a time.

    Raises ``httpcore2.ReadTimeout``, and ``httpcore2.ReadError`` from what broke the connection.
    """

    def __init__(self) -> None:
        self._unread = bytearray()
        self._ended = False
        self._error: Exception | None = None
        self._news: asyncio.Future[None] | None = None

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore2's signature
        """Up to ``max_bytes`` as soon as there are any; ``b""`` at the end."""
        if not (self._unread or self._ended):
            self._transport.resume_reading()
            self._news = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._news
            except TimeoutError:
                raise httpcore2.ReadTimeout from None
            finally:
                self._news = None
        if self._error and not self._unread:
            raise httpcore2.ReadError from self._error
        data = bytes(self._unread[:max_bytes])
        del self._unread[:max_bytes]
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002, ASYNC109 - the same
        """Send; what the network does not take at once is kept, which for a request is little."""
        self._transport.write(buffer)

    async def aclose(self) -> None:
        """End it without a word: there is nothing left to say, and whoever is asked for a farewell may not answer."""
        self._transport.abort()

    def get_extra_info(self, info: str) -> Any:
        """``is_readable``: whether an idle connection is of no use any more, its end included."""
        if info == "is_readable":
            # The loop may have slept between two requests: then the kernel knows more than we do.
            return bool(self._unread) or self._ended or _is_readable(self._transport.get_extra_info("socket").fileno())
        return None

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connected; with TLS, the handshake is over."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Keep it until it is read."""
        self._unread += data
        if len(self._unread) > _UNREAD_BYTES:
            self._transport.pause_reading()
        self._tell()

    def eof_received(self) -> None:
        """Nothing more will come."""
        self._ended = True
        self._tell()

    def connection_lost(self, exc: Exception | None) -> None:
        """Closed by either side, or broken."""
        self._ended, self._error = True, exc
        self._tell()

    def _tell(self) -> None:
        if self._news is not None and not self._news.done():
            self._news.set_result(None)


def _is_readable(descriptor: int) -> bool:
    poll = select.poll()  # not select.select(): that knows no descriptor beyond 1,023
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))

"""The yardstick of a fetch: GET over bare asyncio transports, a connection per lane, and nothing done with the answer.

It analyses no address, has no timeouts and knows no other answer than a whole one with ``Content-Length``.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from tests.bench.http_messages import HttpMessages


class _Client(HttpMessages):
    def message_received(self) -> None:
        self._whole.set_result(None)

    async def get(self, request: bytes) -> None:
        self._whole = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        await self._whole


async def get(url: str, times: int, at_once: int) -> None:
    """So many GETs of the same URL."""
    parts = urlsplit(url)
    request = f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode()
    waiting = iter(range(times))

    async def lane() -> None:
        transport, client = await asyncio.get_running_loop().create_connection(_Client, parts.hostname, parts.port)
        for _ in waiting:
            await client.get(request)
        transport.close()

    await asyncio.gather(*(lane() for _ in range(at_once)))

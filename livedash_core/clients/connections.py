"""HTTP connections that are kept open for the next request."""

from __future__ import annotations

import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cached_property

import httpcore2

from livedash_core.clients.network import connect
from livedash_core.clients.source import Source
from livedash_core.clients.urls import Target

#: Servers end idle connections too, the hasty ones after five seconds.
KEPT_SECONDS = 5.0


class Connections:
    """Each serves the source that it was opened for and no other, what one company is allowed must not carry
    another's requests, and one origin. How many are open is for those who use them to bound.

    ``connect_seconds`` limit the lookup of a name, and the connection to each of its addresses (TLS included).
    """

    def __init__(self, connect_seconds: float, tls: ssl.SSLContext | None) -> None:
        self._connect_seconds = connect_seconds
        self._given_tls = tls
        #: Those that nobody uses, by source and origin; the one that was used last is the last.
        self._idle: dict[tuple[Source, str], deque[httpcore2.AsyncHTTP11Connection]] = {}

    @asynccontextmanager
    async def to(self, target: Target, source: Source) -> AsyncIterator[httpcore2.AsyncHTTP11Connection]:
        """A connection for one request; raises what ``network.connect`` raises."""
        key = (source, target.origin)
        connection = await self._kept(key) or await self._opened(target, source)
        try:
            yield connection
        finally:
            if connection.is_idle():
                self._idle.setdefault(key, deque()).append(connection)
            else:  # the answer was not read to its end, or the server wants no other request
                await connection.aclose()

    async def aclose(self) -> None:
        """End those that nobody uses."""
        for kept in self._idle.values():
            for connection in kept:
                await connection.aclose()
        self._idle.clear()

    async def _kept(self, key: tuple[Source, str]) -> httpcore2.AsyncHTTP11Connection | None:
        """The one that waits longest of those that still live."""
        kept = self._idle.get(key, ())
        while kept:
            connection = kept.popleft()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def _opened(self, target: Target, source: Source) -> httpcore2.AsyncHTTP11Connection:
        # Of other companies and origins too: a run over very many of them must not run out of sockets.
        expired = [key for key, kept in self._idle.items() if not kept or kept[-1].has_expired()]
        for connection in [connection for key in expired for connection in self._idle.pop(key)]:
            await connection.aclose()
        url = target.url
        origin = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=b"/").origin
        tls = self._tls if url.scheme == "https" else None
        stream = await connect(source, origin.host.decode("ascii"), origin.port, tls, self._connect_seconds)
        return httpcore2.AsyncHTTP11Connection(origin, stream, KEPT_SECONDS)

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Once, and only if somebody speaks https: reading all certificates takes 60 ms."""
        context = self._given_tls or httpcore2.default_ssl_context()
        context.set_alpn_protocols(["http/1.1"])
        return context

"""Fetches CSVs and transcripts from companies' servers.

It stands on httpcore2, the part of httpx2 that sends requests: that keeps no cookies, follows no redirects, unpacks
no bodies, obeys no proxy variables and logs no URLs (httpx2 does each of these unless told otherwise, the last one
always). Certificates are checked against the system's, or those that ``SSL_CERT_FILE`` names.
"""

from __future__ import annotations

import asyncio
import io
import ssl
from contextlib import AsyncExitStack
from functools import cached_property
from types import TracebackType
from typing import BinaryIO, Self

import httpcore2
import httpx2

from livedash_core.clients.credentials import BasicCredentials, credentials_from_environment
from livedash_core.clients.decoding import decode
from livedash_core.clients.network import JudgingBackend
from livedash_core.clients.responses import check
from livedash_core.clients.source import Source
from livedash_core.clients.urls import SHOWN_CHARACTERS, origin_of, shown
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError

__all__ = ["BasicCredentials", "Fetcher", "Source", "credentials_from_environment"]

MIB = 1024 * 1024
MAX_REDIRECTS = 3
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class Fetcher:
    """Fetches for any number of companies, with connections kept open; an async context manager for one event loop.

    What each company may reach is its ``Source``'s to say. A connection serves the source that it was opened for
    and no other: what one company is allowed must not carry another's requests.

    ``connect_seconds`` limit the lookup of a name and the connection to each of its addresses, ``read_seconds`` each
    silence, ``total_seconds`` a fetch with all that belongs to it. ``max_connections`` are per source and scheme.
    """

    def __init__(
        self,
        *,
        connect_seconds: float = 5,
        read_seconds: float = 10,
        total_seconds: float = 30,
        max_connections: int = 16,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._timeouts = {"connect": connect_seconds, "read": read_seconds, "write": read_seconds}
        self._total_seconds = total_seconds
        self._max_connections = max_connections
        self._given_tls = tls
        self._pools: dict[tuple[Source, str], httpcore2.AsyncConnectionPool] = {}
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._exit.aclose()

    async def text(self, url: str, source: Source, *, max_bytes: int = 2 * MIB) -> str:
        """A transcript, decoded; ``""`` if the server has an empty one.

        Raises ``PermanentError``, ``TransientError`` (with the patience that the server asked for) or
        ``SystemicError`` (for this company).
        """
        body = io.BytesIO()
        target, answer = await self._fetch(url, source, body, max_bytes, self._total_seconds)
        try:
            return decode(body.getvalue(), answer.charset_encoding)
        except UnicodeDecodeError:
            # Not `from exc`: it carries the whole body.
            raise PermanentError(f"{source.company}: {shown(target)} is not text in UTF-8 or cp1252") from None

    async def download(
        self, url: str, source: Source, into: BinaryIO, *, max_bytes: int = 64 * MIB, total_seconds: float = 300
    ) -> None:
        """A CSV, written to ``into`` as it comes. Raises like ``text``; ``into`` then holds a part of it."""
        await self._fetch(url, source, into, max_bytes, total_seconds)

    async def _fetch(
        self, address: str, source: Source, into: BinaryIO, max_bytes: int, total_seconds: float
    ) -> tuple[httpx2.URL, httpx2.Response]:
        """Write the body to ``into``; the URL that it came from at last, and status and headers of the answer."""
        url = source.target(address)
        try:
            async with asyncio.timeout(total_seconds):
                for _ in range(1 + MAX_REDIRECTS):
                    answer = await self._request(url, source, into, max_bytes)
                    if answer.status_code not in _REDIRECTS:
                        return url, answer
                    url = _redirected(url, answer.headers.get("Location", ""), source)
        except TimeoutError as exc:
            raise TransientError(f"{source.company}: {shown(url)} took longer than {total_seconds:g} s") from exc
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, ssl.SSLError) as exc:
            raise _translated(exc, url, source) from exc
        raise PermanentError(f"{source.company}: {shown(url)} redirects more than {MAX_REDIRECTS} times")

    async def _request(self, url: httpx2.URL, source: Source, into: BinaryIO, max_bytes: int) -> httpx2.Response:
        headers = [("Accept", "*/*"), ("Accept-Encoding", "identity"), ("User-Agent", "livedash-pipeline")]
        if credentials := source.credentials_for(url):
            headers.append(("Authorization", credentials.authorization))
        target = httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path)
        async with self._pool(source, url.scheme).stream(
            "GET", target, headers=headers, extensions={"timeout": self._timeouts}
        ) as response:
            answer = httpx2.Response(response.status, headers=response.headers)
            if answer.status_code not in _REDIRECTS:
                check(answer, url, source)
                received = 0
                async for chunk in response.aiter_stream():
                    received += len(chunk)
                    if received > max_bytes:
                        raise PermanentError(f"{source.company}: {shown(url)} is larger than {max_bytes:,} bytes")
                    into.write(chunk)
        return answer

    def _pool(self, source: Source, scheme: str) -> httpcore2.AsyncConnectionPool:
        pool = self._pools.get((source, scheme))
        if pool is None:
            encrypted = scheme == "https"
            pool = self._pools[source, scheme] = httpcore2.AsyncConnectionPool(
                ssl_context=self._tls if encrypted else None,
                max_connections=self._max_connections,
                keepalive_expiry=5.0,
                network_backend=JudgingBackend(source, encrypted=encrypted),
            )
            self._exit.push_async_callback(pool.aclose)
        return pool

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Once per fetcher, and only if somebody speaks https: reading all certificates takes 60 ms."""
        return self._given_tls or httpcore2.default_ssl_context()


def _redirected(url: httpx2.URL, location: str, source: Source) -> httpx2.URL:
    """Where ``url`` redirects to: within its own origin, and judged like any address."""
    try:
        target = url.join(location)
    except (httpx2.InvalidURL, ValueError):
        raise PermanentError(f"{source.company}: {shown(url)} redirects to what is not a URL") from None
    if origin_of(target) != origin_of(url):
        raise PermanentError(
            f"{source.company}: {shown(url)} redirects to another origin ({origin_of(target)[:SHOWN_CHARACTERS]}); "
            "that is not followed, give the address that it leads to"
        )
    return source.target(str(target))


def _translated(exc: Exception, url: httpx2.URL, source: Source) -> ProcessingError:
    """Our error for one of the network's. Its text stays out of ours: a server may have had a hand in it."""
    where = f"{source.company}: {shown(url)}"
    # httpcore wraps what TLS says in a ConnectError.
    tls = exc if isinstance(exc, ssl.SSLError) else exc.__context__
    if isinstance(tls, ssl.SSLCertVerificationError):
        return SystemicError(
            f"{where} has no valid certificate: {tls.verify_message} (SSL_CERT_FILE can name an authority of your own)",
            company_id=source.company_id,
        )
    if isinstance(tls, ssl.SSLError):
        return TransientError(f"{where}: no encrypted connection ({tls.reason})")
    if isinstance(exc, httpcore2.ConnectError | httpcore2.ConnectTimeout):
        return TransientError(f"{where} cannot be connected to")
    if isinstance(exc, httpcore2.TimeoutException):
        return TransientError(f"{where} fell silent")
    return TransientError(f"{where} broke off, or does not speak HTTP")

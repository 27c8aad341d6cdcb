"""Fetches CSVs and transcripts from companies' servers."""

from __future__ import annotations

import asyncio
import io
import ssl
import time
from functools import partial
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import httpx2

from livedash_core.clients.body import Body
from livedash_core.clients.connections import Connections
from livedash_core.clients.credentials import BasicCredentials, credentials_from_environment
from livedash_core.clients.decoding import Text, decode
from livedash_core.clients.network_errors import NETWORK_ERRORS, translated
from livedash_core.clients.origins import Origin
from livedash_core.clients.refusals import RefusedError
from livedash_core.clients.responses import REFUSED, Response, check
from livedash_core.clients.source import Source
from livedash_core.clients.urls import Target
from livedash_core.clients.validators import Validators, validators_of
from livedash_core.errors import PermanentError, ProcessingError, TransientError

__all__ = ["BasicCredentials", "Download", "Fetcher", "Source", "credentials_from_environment"]

MIB = 1024 * 1024
MAX_REDIRECTS = 3
NO_VALIDATORS = Validators()
_HEADERS = (("Accept", "*/*"), ("Accept-Encoding", "gzip"), ("User-Agent", "livedash-pipeline"))
_REDIRECTS = frozenset((301, 302, 303, 307, 308))


class Download(NamedTuple):
    """What a server says about a file that it sent."""

    validators: Validators
    charset: str | None


class Fetcher:
    """Fetches for any number of companies, with connections kept open; an async context manager for one event loop.

    A company's ``Source`` says which addresses it may reach. A connection is only used for the source that it was
    opened for, so that one company's permissions never serve another's requests. An origin gets at most ``per_origin``
    concurrent requests, none for a while after repeated failures (``UnavailableError``), and none for a source to which
    it refuses everything (``SystemicError``, see ``Refusals``) until a new fetcher is made.

    ``connect_seconds`` limits the lookup of a name and the connection to each of its addresses, ``read_seconds`` the
    wait for each chunk, ``total_seconds`` a whole fetch except its wait for a slot.
    """

    def __init__(
        self,
        *,
        connect_seconds: float = 5,
        read_seconds: float = 10,
        total_seconds: float = 30,
        per_origin: int = 8,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._connections = Connections(connect_seconds=connect_seconds, read_seconds=read_seconds, tls=tls)
        self._total_seconds = total_seconds
        self._per_origin = per_origin
        self._origins: dict[str, Origin] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._connections.close()

    async def text(self, url: str, source: Source, *, max_bytes: int = 2 * MIB) -> Text:
        """Fetch and decode a transcript; ``""`` for an empty one.

        Raises ``PermanentError``, ``TransientError`` (with the server's Retry-After),
        ``UnavailableError`` or ``SystemicError`` (for this company).
        """
        body = io.BytesIO()
        target, response = await self._fetch(url, source, body, max_bytes, self._total_seconds)
        try:
            return decode(body.getvalue(), response.charset)
        except PermanentError as error:
            raise PermanentError(f"{source.company}: {target.shown} is not text in UTF-8 or cp1252: {error}") from None

    async def download(
        self,
        url: str,
        source: Source,
        into: BinaryIO,
        *,
        max_bytes: int = 64 * MIB,
        total_seconds: float = 300,
        known: Validators = NO_VALIDATORS,
    ) -> Download | None:
        """Fetch a CSV into ``into``; returns None if the server still has the version that ``known`` identifies.

        Raises the same errors as ``text``; ``into`` then holds a part of the CSV.
        """
        _, response = await self._fetch(url, source, into, max_bytes, total_seconds, known, may_be_archive=True)
        if response.status == httpx2.codes.NOT_MODIFIED:
            return None
        return Download(validators_of(response.headers), response.charset)

    async def _fetch(
        self,
        address: str,
        source: Source,
        into: BinaryIO,
        max_bytes: int,
        total_seconds: float,
        known: Validators = NO_VALIDATORS,
        *,
        may_be_archive: bool = False,
    ) -> tuple[Target, Response]:
        """Fetch a body into ``into``; returns the URL after redirects, and the response's status and headers."""
        target = source.target(address)
        at_home = source.is_home(target)
        seconds_left = total_seconds
        for _ in range(1 + MAX_REDIRECTS):
            origin = self._origin(target.origin)
            try:
                # A slot per redirect: limits and failures are those of the server that gets the request.
                async with origin.slot(source):
                    began = time.monotonic()
                    try:
                        async with asyncio.timeout(seconds_left):
                            response = await self._request(
                                target, source, at_home, into, max_bytes, known, may_be_archive=may_be_archive
                            )
                    except NETWORK_ERRORS as exc:  # some of them are TimeoutError, too
                        raise translated(exc, target, source) from exc
                    except TimeoutError as exc:
                        raise TransientError(
                            f"{source.company}: {target.shown} took longer than {total_seconds:g} s"
                        ) from exc
                    seconds_left -= time.monotonic() - began
            except RefusedError as error:
                # A new error: the first one's traceback references its whole request.
                raise await origin.refusals(source).judge(error, partial(self._serves_csv, source)) from None
            if response.status not in _REDIRECTS:
                return target, response
            target, before = _redirected(target, response.headers.get("Location", ""), source), target
            if target.origin != before.origin:
                at_home = False  # also when the other origin redirects back
        raise PermanentError(f"{source.company}: {target.shown} redirects more than {MAX_REDIRECTS} times")

    async def _request(
        self,
        target: Target,
        source: Source,
        at_home: bool,
        into: BinaryIO,
        max_bytes: int,
        known: Validators,
        *,
        may_be_archive: bool,
    ) -> Response:
        headers = [*_HEADERS, *known.headers]
        credentials = source.credentials if at_home else None
        if credentials is not None:
            headers += credentials.headers
        # A server may have closed its connection, or complained, while no task waited. In the first round the event
        # loop looks at the sockets, in the second it reads from them.
        for _ in range(2):
            await asyncio.sleep(0)
        async with self._connections.get(target, source, credentials, headers) as raw:
            response = Response(raw.status, httpx2.Headers(raw.raw_headers))
            if response.status not in _REDIRECTS:
                check(
                    response,
                    target,
                    source,
                    at_home=at_home,
                    conditional=bool(known),
                    may_be_archive=may_be_archive,
                )
                body = Body(into, f"{source.company}: {target.shown}", max_bytes, gzipped=response.is_gzip)
                async for chunk in raw.content.iter_any():
                    body.write(chunk)
                body.finish()
        return response

    async def _serves_csv(self, source: Source) -> bool:
        """Whether the company's CSV is served with its credentials; only the headers of the answer are read.

        Without credentials everything but a refusal counts as served.
        """
        target, credentials = source.target(source.csv_url), source.credentials
        headers = [*_HEADERS, *(credentials.headers if credentials else ())]
        try:
            async with asyncio.timeout(self._total_seconds):
                async with self._connections.get(target, source, credentials, headers) as raw:
                    return raw.status < httpx2.codes.BAD_REQUEST if credentials else raw.status not in REFUSED
        except (*NETWORK_ERRORS, TimeoutError, ProcessingError):
            return credentials is None

    def _origin(self, name: str) -> Origin:
        origin = self._origins.get(name)
        if origin is None:
            origin = self._origins[name] = Origin(name, self._per_origin)
        return origin


def _redirected(target: Target, location: str, source: Source) -> Target:
    """Resolve a redirect of ``target`` and check it like any URL: its origin must be allowed."""
    try:
        address = str(target.url.join(location))
    except (httpx2.InvalidURL, ValueError):
        raise PermanentError(f"{source.company}: {target.shown} redirects to an invalid URL") from None
    return source.target(address)

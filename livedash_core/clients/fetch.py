"""Fetches CSVs and transcripts from companies' servers.

It uses aiohttp, which keeps no cookies here, follows no redirects, decompresses no bodies (it has no limit on the size
that a body decompresses to), ignores proxy variables and logs no URLs. Certificates are verified against the system's
store, or the file that ``SSL_CERT_FILE`` names.
"""

from __future__ import annotations

import asyncio
import io
import ssl
import time
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import cached_property, partial
from types import TracebackType
from typing import BinaryIO, NamedTuple, Self

import aiohttp
import httpx2
from yarl import URL

from livedash_core.clients.body import Body
from livedash_core.clients.credentials import (
    BasicCredentials,
    ClientCertificate,
    Credentials,
    credentials_from_environment,
)
from livedash_core.clients.decoding import Text, decode
from livedash_core.clients.network import SsrfGuard
from livedash_core.clients.origins import Origin
from livedash_core.clients.refusals import RefusedError
from livedash_core.clients.responses import REFUSED, Response, check
from livedash_core.clients.source import Source
from livedash_core.clients.urls import Target
from livedash_core.clients.validators import Validators, validators_of
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError

__all__ = ["BasicCredentials", "Download", "Fetcher", "Source", "credentials_from_environment"]

MIB = 1024 * 1024
MAX_REDIRECTS = 3
NO_VALIDATORS = Validators()
_HEADERS = (("Accept", "*/*"), ("Accept-Encoding", "gzip"), ("User-Agent", "livedash-pipeline"))
#: Bytes of a header or of the status line; the server may send cookies and policies of any length.
_MAX_HEADER_BYTES = 65_536
_KEEP_ALIVE_SECONDS = 5.0
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
        self._connect_seconds = connect_seconds
        self._timeouts = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds, sock_read=read_seconds)
        self._total_seconds = total_seconds
        self._per_origin = per_origin
        self._given_tls = tls
        self._sessions: dict[tuple[Source, str, bool], aiohttp.ClientSession] = {}
        self._origins: dict[str, Origin] = {}
        self._exit = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._exit.aclose()

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
                    except (aiohttp.ClientError, ssl.SSLError) as exc:  # some of them are TimeoutError, too
                        raise _translated(exc, target, source) from exc
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
        async with self._get(target, source, credentials, headers) as raw:
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

    def _get(
        self, target: Target, source: Source, credentials: Credentials | None, headers: list[tuple[str, str]]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        # Encoded: the path is sent as it is written.
        url = URL(str(target.url), encoded=True)
        session = self._session(source, url.scheme, None if credentials is None else credentials.certificate)
        return session.get(url, headers=headers, allow_redirects=False)

    async def _serves_csv(self, source: Source) -> bool:
        """Whether the company's CSV is served with its credentials; only the headers of the answer are read.

        Without credentials everything but a refusal counts as served.
        """
        target, credentials = source.target(source.csv_url), source.credentials
        headers = [*_HEADERS, *(credentials.headers if credentials else ())]
        try:
            async with asyncio.timeout(self._total_seconds):
                async with self._get(target, source, credentials, headers) as raw:
                    return raw.status < httpx2.codes.BAD_REQUEST if credentials else raw.status not in REFUSED
        except (aiohttp.ClientError, ssl.SSLError, TimeoutError, ProcessingError):
            return credentials is None

    def _origin(self, name: str) -> Origin:
        origin = self._origins.get(name)
        if origin is None:
            origin = self._origins[name] = Origin(name, self._per_origin)
        return origin

    def _session(self, source: Source, scheme: str, certificate: ClientCertificate | None) -> aiohttp.ClientSession:
        key = source, scheme, certificate is not None
        session = self._sessions.get(key)
        if session is None:
            encrypted = scheme == "https"
            guard = SsrfGuard(source, encrypted=encrypted, seconds=self._connect_seconds)
            connector = aiohttp.TCPConnector(
                limit=0,  # the origin's slots limit them
                keepalive_timeout=_KEEP_ALIVE_SECONDS,
                resolver=guard,
                use_dns_cache=False,
                socket_factory=guard.socket,
                ssl=(self._tls if certificate is None else _certified(certificate, source)) if encrypted else True,
            )
            session = self._sessions[key] = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                timeout=self._timeouts,
                max_line_size=_MAX_HEADER_BYTES,
                max_field_size=_MAX_HEADER_BYTES,
            )
            self._exit.push_async_callback(session.close)
        return session

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Created once per fetcher, for the first https URL: loading all certificates takes 60 ms."""
        return self._given_tls or httpx2.create_ssl_context()


def _certified(certificate: ClientCertificate, source: Source) -> ssl.SSLContext:
    """The system's trust store with the company's client certificate."""
    context = httpx2.create_ssl_context()
    try:
        context.load_cert_chain(certificate.path, certificate.key_path, certificate.key_password or "")
    except (OSError, ValueError):  # ssl.SSLError is an OSError
        raise SystemicError(
            f"{source.company}: the client certificate {certificate.path[:200]!r} of its Airflow connection cannot be "
            "read, does not fit its key, or has another key password; the files must be PEM files on every worker",
            company_id=source.company_id,
        ) from None
    return context


def _redirected(target: Target, location: str, source: Source) -> Target:
    """Resolve a redirect of ``target`` and check it like any URL: its origin must be allowed."""
    try:
        address = str(target.url.join(location))
    except (httpx2.InvalidURL, ValueError):
        raise PermanentError(f"{source.company}: {target.shown} redirects to an invalid URL") from None
    return source.target(address)


def _translated(exc: Exception, target: Target, source: Source) -> ProcessingError:
    """Translate a network exception. Its text is left out: a server may have written parts of it."""
    where = f"{source.company}: {target.shown}"
    if isinstance(exc, aiohttp.InvalidURL):  # "127.1", which the operating system would read as an address
        return PermanentError(f"{where} has a host that is neither a name nor an address in its usual form")
    tls = _tls_error(exc)
    if isinstance(tls, ssl.SSLCertVerificationError):
        problem = (
            f"{where} has no valid certificate: {tls.verify_message} (SSL_CERT_FILE can name an authority of your own)"
        )
        if source.is_home(target):
            return SystemicError(problem, company_id=source.company_id)
        return TransientError(problem)  # opens the circuit; sessions on other origins go on
    if isinstance(tls, ssl.SSLError):
        return TransientError(f"{where}: TLS failed ({tls.reason})")
    if isinstance(exc, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return TransientError(f"{where} cannot be connected to")
    if isinstance(exc, TimeoutError):
        return TransientError(f"{where} stopped sending data")
    return TransientError(f"{where} broke off, or does not speak HTTP")


def _tls_error(exc: BaseException) -> ssl.SSLError | None:
    """The error of TLS that ``exc`` is, or was caused by: aiohttp wraps it in classes of its own."""
    error: BaseException | None = exc
    while isinstance(error, aiohttp.ClientError) or not isinstance(error, ssl.SSLError | None):
        error = error.__cause__ or error.__context__
    return error

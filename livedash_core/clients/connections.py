"""Connections to companies' servers, kept open between requests.

They are aiohttp's, without what it does by default: they keep no cookies, follow no redirects, decompress no bodies (it
has no limit on the size that a body decompresses to) and ignore proxy variables. Certificates are verified against the
system's store, or the file that ``SSL_CERT_FILE`` names.
"""

from __future__ import annotations

import ssl
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import cached_property

import aiohttp
import httpx2
from yarl import URL

from livedash_core.clients.credentials import ClientCertificate, Credentials
from livedash_core.clients.network import SsrfGuard
from livedash_core.clients.source import Source
from livedash_core.clients.urls import Target
from livedash_core.errors import SystemicError

#: Bytes of a header or of the status line; a server may send cookies and policies of any length.
_MAX_HEADER_BYTES = 65_536
_KEEP_ALIVE_SECONDS = 5.0


class Connections:
    """The connections of any number of sources, each used only for the source that it was opened for.

    ``connect_seconds`` limits the lookup of a name and the connection to each of its addresses, ``read_seconds`` the
    wait for each chunk of an answer. ``tls`` is used instead of the system's trust store.
    """

    def __init__(self, *, connect_seconds: float, read_seconds: float, tls: ssl.SSLContext | None) -> None:
        self._connect_seconds = connect_seconds
        self._timeouts = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds, sock_read=read_seconds)
        self._given_tls = tls
        self._sessions: dict[tuple[Source, str, bool], aiohttp.ClientSession] = {}
        self._exit = AsyncExitStack()

    async def close(self) -> None:
        """Close all connections."""
        await self._exit.aclose()

    def get(
        self, target: Target, source: Source, credentials: Credentials | None, headers: list[tuple[str, str]]
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Send a GET request; the answer's body is read within the context. Raises ``NETWORK_ERRORS``."""
        # Encoded: the path is sent as it is written.
        url = URL(str(target.url), encoded=True)
        session = self._session(source, url.scheme, None if credentials is None else credentials.certificate)
        return session.get(url, headers=headers, allow_redirects=False)

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

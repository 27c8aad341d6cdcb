"""The SDK's client, made so that nothing happens behind our back."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from urllib.parse import urlsplit

import httpx2
import openai

from livedash_core.errors import ConfigurationError

#: Where the SDK goes too; named here so that it does not look into the environment for another place.
OPENAI_URL = "https://api.openai.com/v1"
_CONNECT_SECONDS = 5.0


def make_client(api_key: str, base_url: str | None, timeout_seconds: float) -> openai.AsyncOpenAI:
    """A client of OpenAI, or of the server at ``base_url``; ``timeout_seconds`` bounds each wait for a byte.

    Raises ``ConfigurationError`` for a key that cannot be one.
    """
    return openai.AsyncOpenAI(
        api_key=_checked_key(api_key),
        base_url=base_url or OPENAI_URL,
        # No retries of the SDK's own: each is billed, and none is on our ledger.
        max_retries=0,
        timeout=openai.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
    )


class Clients:
    """A client and copies of it, one for each call under way.

    A client's pool asks the system about each idle connection, twice per call: with sixteen, that is a tenth of the
    CPU that a call takes. Each of these has one connection; who was used last is used first.
    """

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client
        self._idle = [client]

    @contextmanager
    def one(self) -> Iterator[openai.AsyncOpenAI]:
        """A client that nobody else has meanwhile."""
        client = self._idle.pop() if self._idle else self._copy()
        try:
            yield client
        finally:
            self._idle.append(client)

    def _copy(self) -> openai.AsyncOpenAI:
        return self._client.copy(http_client=openai.DefaultAsyncHttpxClient(verify=self._certificates))

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        """Read once: it takes as long as fifty calls."""
        return httpx2.create_ssl_context()

    async def close(self) -> None:
        """Give the connections back."""
        for client in self._idle:
            await client.close()


def server_of(base_url: str | None) -> str:
    """Host and port, for messages: a base URL may hold a password.

    Raises ``ConfigurationError`` for a base URL that cannot be one.
    """
    try:
        parts = urlsplit(base_url or OPENAI_URL)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https"):
        raise ConfigurationError("the OpenAI base URL is not like https://host/v1; check OPENAI_BASE_URL")
    return f"{host}:{port}" if port else host


def _checked_key(api_key: str) -> str:
    key = api_key.strip()
    # Anything else breaks in the HTTP client, whose exception would show the key.
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the OpenAI API key is empty or no key at all; check OPENAI_API_KEY")
    return key

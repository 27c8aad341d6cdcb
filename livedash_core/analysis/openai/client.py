"""Create clients of the OpenAI SDK, without its retries and its reading of the environment."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import httpx2
import openai

from livedash_core.analysis.openai.base_url import BaseUrl
from livedash_core.errors import ConfigurationError

CONNECT_SECONDS = 5.0
_NO_KEY = "no-key"


def make_client(api_key: str | None, base_url: BaseUrl, timeout_seconds: float) -> openai.AsyncOpenAI:
    """Create a client of the server at ``base_url``; ``timeout_seconds`` applies to each read.

    Without a key a word is sent in its place, because not every server needs one. Raises ``ConfigurationError`` for an
    invalid key.
    """
    key = None if api_key is None else _checked_key(api_key)
    return openai.AsyncOpenAI(
        # The SDK demands one, and would read it from the environment otherwise.
        api_key=key or _NO_KEY,
        base_url=base_url.url,
        default_query=dict(base_url.query),
        default_headers={"api-key": key} if key and base_url.is_azure else None,
        # A retry by the SDK would be billed but not recorded in the ledger.
        max_retries=0,
        timeout=openai.Timeout(timeout_seconds, connect=CONNECT_SECONDS),
    )


class ClientPool:
    """A client and copies of it, one per concurrent call.

    The connection pool of a client polls each idle connection twice per call: with sixteen connections that takes a
    tenth of a call's CPU time. Each client here has one connection, and the most recently used one is reused first.
    """

    def __init__(self, client: openai.AsyncOpenAI) -> None:
        self._client = client
        self._idle = [client]

    @contextmanager
    def acquire(self) -> Iterator[openai.AsyncOpenAI]:
        """A client for exclusive use within the context."""
        client = self._idle.pop() if self._idle else self._copy()
        try:
            yield client
        finally:
            self._idle.append(client)

    def _copy(self) -> openai.AsyncOpenAI:
        return self._client.copy(http_client=openai.DefaultAsyncHttpxClient(verify=self._certificates))

    @cached_property
    def _certificates(self) -> ssl.SSLContext:
        """Loaded once, because loading takes as long as fifty calls."""
        return httpx2.create_ssl_context()

    async def close(self) -> None:
        """Close all connections."""
        for client in self._idle:
            await client.close()


def _checked_key(api_key: str) -> str:
    key = api_key.strip()
    # Any other key fails in the HTTP client, whose exception would quote it.
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the OpenAI API key is empty or invalid; check OPENAI_API_KEY")
    return key

"""Parse the base URL of a model server as people write it; pure."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from livedash_core.errors import ConfigurationError

#: The SDK's own default. It is passed explicitly, so that the SDK does not read another one from the environment.
OPENAI_URL = "https://api.openai.com/v1"
#: The path of a single endpoint, which is often copied with the base URL.
_ENDPOINT = re.compile(
    r"/(chat/completions|completions|responses|models|embeddings|messages)/*$|(?<=/v1)/chat/*$", re.IGNORECASE
)
#: What a copied address brings with it: quotes of all kinds, and characters that are not visible.
_AROUND = "\"'<>`“”„‘’\u200b\u200e\u200f\u2060\ufeff \t\r\n\u00a0"


class BaseUrl(NamedTuple):
    """A base URL without its query, and the query's parameters, which go with each request."""

    url: str
    query: dict[str, str]

    @property
    def server(self) -> str:
        """Host and port for messages, because a base URL may contain a password."""
        parts = urlsplit(self.url)
        return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)

    @property
    def public(self) -> str:
        """The URL without login."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{self.server}{parts.path.rstrip('/')}"

    @property
    def is_azure(self) -> bool:
        """Whether it is Azure's, whose keys go into a header of their own."""
        return self._host.endswith((".azure.com", ".azure.us", ".azure.cn"))

    @property
    def is_openai(self) -> bool:
        """Whether it is OpenAI's own, in any region."""
        return self._host == "api.openai.com" or self._host.endswith(".api.openai.com")

    @property
    def has_openai_prices(self) -> bool:
        """Whether its calls are billed at OpenAI's list prices: at OpenAI and Azure, not at any other server."""
        return self.is_openai or self.is_azure

    @property
    def _host(self) -> str:
        return (urlsplit(self.url).hostname or "").rstrip(".")


def parse_base_url(text: str | None) -> BaseUrl:
    """Parse a base URL; None or an empty one is OpenAI's. Spaces, quotes and the path of an endpoint are removed.

    Raises ``ConfigurationError`` with the right spelling for an invalid one.
    """
    written = (text or "").strip(_AROUND) or OPENAI_URL
    try:
        parts = urlsplit(written)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise _invalid() from None
    if parts.scheme not in ("http", "https") or not host or re.search(r"\s", written):
        raise _invalid(_spelling(written))
    path = _ENDPOINT.sub("", parts.path).rstrip("/")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    return BaseUrl(f"{parts.scheme}://{parts.netloc}{path}", query)


def _spelling(written: str) -> str | None:
    """What was probably meant: the address with a scheme, if that is all it lacks."""
    address = re.fullmatch(r"(?:https?:/?/?)?((?:[\w-]+\.)*[\w-]+)(:\d{1,5})?(/[\w./-]*)?", written)
    if address is None:
        return None
    host, port, path = address.groups()
    scheme = "http" if (port and "." not in host) or re.fullmatch(r"[\d.]+", host) else "https"
    return f"{scheme}://{host}{port or ''}{path or '/v1'}"


def _invalid(meant: str | None = None) -> ConfigurationError:
    like = f" (did you mean {meant}?)" if meant else ", which is like https://host/v1"
    return ConfigurationError(f"the base URL of the model server is invalid{like}; check OPENAI_BASE_URL")

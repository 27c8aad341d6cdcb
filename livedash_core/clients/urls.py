"""Parses URLs, compares their origins, and shortens them for messages. Pure."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:  # most commands parse no URL, and it takes long to import
    import httpx2

SHOWN_CHARACTERS = 200
_DEFAULT_PORTS = {"http": 80, "https": 443}


def url_of(address: str) -> httpx2.URL:
    """Parse a URL. Raises ``ValueError`` if it is invalid.

    Use its ``raw_host``: ``host`` raises ``IDNAError`` for a name with an invalid xn-- label.
    """
    import httpx2

    try:
        return httpx2.URL(address)
    except (httpx2.InvalidURL, ValueError):  # UnicodeError: a lone surrogate from the command line
        # Not `from exc`: the exception quotes the URL, which may contain a password.
        raise ValueError("not a URL") from None


def literal_address(url: httpx2.URL) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a URL names instead of a host name, or None."""
    try:
        return ip_address(url.raw_host.decode("ascii").strip("[]"))
    except ValueError:
        return None


def origin_of(url: httpx2.URL) -> str:
    """Return scheme, host and port, in lower case and without the default port: ``https://files.example:8443``."""
    return f"{url.scheme}://{url.netloc.decode('ascii').removesuffix(f':{_DEFAULT_PORTS.get(url.scheme)}')}"


class Target(NamedTuple):
    """A URL that may be fetched, with its origin."""

    url: httpx2.URL
    origin: str

    @property
    def shown(self) -> str:
        """The URL for messages and logs: without user name, password and query (tokens), at most 200 characters."""
        path, _, _ = self.url.raw_path.decode("ascii").partition("?")
        return f"{self.origin}{path}"[:SHOWN_CHARACTERS]

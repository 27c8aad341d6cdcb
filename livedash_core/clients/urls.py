"""What of a URL is compared, and what of it is shown. Pure."""

from __future__ import annotations

from typing import NamedTuple

import httpx2

SHOWN_CHARACTERS = 200
_DEFAULT_PORTS = {"http": 80, "https": 443}


def url_of(address: str) -> httpx2.URL:
    """``address`` as a URL. Raises ``ValueError`` if it is none.

    Ask it for ``raw_host``: ``host`` raises an ``IDNAError`` for a name with xn-- in it that cannot be decoded.
    """
    try:
        return httpx2.URL(address)
    except (httpx2.InvalidURL, ValueError):  # UnicodeError: half a character, which a command line can hold
        # Not `from exc`: its text quotes the URL, and a password may stand there.
        raise ValueError("not a URL") from None


def origin_of(url: httpx2.URL) -> str:
    """Scheme, host and port, in lower case and without the scheme's own port: ``https://files.example:8443``."""
    return f"{url.scheme}://{url.netloc.decode('ascii').removesuffix(f':{_DEFAULT_PORTS.get(url.scheme)}')}"


class Target(NamedTuple):
    """A URL that may be fetched, with its origin: that is asked for several times on the way."""

    url: httpx2.URL
    origin: str

    @property
    def shown(self) -> str:
        """Fit for messages and logs: no user, no password, no query (tokens travel there), at most 200 characters."""
        path, _, _ = self.url.raw_path.decode("ascii").partition("?")
        return f"{self.origin}{path}"[:SHOWN_CHARACTERS]

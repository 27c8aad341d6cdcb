"""What of a URL is compared, and what of it is shown. Pure."""

from __future__ import annotations

import httpx2

SHOWN_CHARACTERS = 200
_DEFAULT_PORTS = {"http": 80, "https": 443}


def origin_of(url: httpx2.URL) -> str:
    """Scheme, host and port, in lower case and without the scheme's own port: ``https://files.example:8443``."""
    return f"{url.scheme}://{url.netloc.decode('ascii').removesuffix(f':{_DEFAULT_PORTS.get(url.scheme)}')}"


def shown(url: httpx2.URL) -> str:
    """Fit for messages and logs: no user, no password, no query (tokens travel there), at most 200 characters."""
    path, _, _ = url.raw_path.decode("ascii").partition("?")
    return f"{origin_of(url)}{path}"[:SHOWN_CHARACTERS]

"""The ETag and Last-Modified of a file, for conditional requests (RFC 9110, 13.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

import httpx2

#: The value is sent back unchanged, so it must be valid in a header and of limited length.
_SENDABLE = re.compile(r"[\x20-\x7e]{1,500}")


class Validators(NamedTuple):
    """``ETag`` and ``Last-Modified`` unchanged; None if the server did not send the header."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return any(self)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The headers of a conditional request for a newer version."""
        conditions = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        return [(name, value) for name, value in conditions if value is not None]


def validators_of(headers: httpx2.Headers) -> Validators:
    """Return the validators in a response's headers that can be sent back."""
    etag, last_modified = (headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return Validators(*(value if _SENDABLE.fullmatch(value) else None for value in (etag, last_modified)))

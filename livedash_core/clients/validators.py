"""What a server said of a version of a file, to ask for a newer one only (RFC 9110, 13.1)."""

from __future__ import annotations

import re
from typing import NamedTuple

import httpx2

#: Sent back as it came, so nothing but what a header may hold, and not at any length.
_FIT_TO_SEND = re.compile(r"[\x20-\x7e]{1,500}")


class Validators(NamedTuple):
    """``ETag`` and ``Last-Modified`` as they came; None is what the server did not say."""

    etag: str | None = None
    last_modified: str | None = None

    def __bool__(self) -> bool:
        return any(self)

    @property
    def headers(self) -> list[tuple[str, str]]:
        """The conditions of a request for anything newer."""
        conditions = (("If-None-Match", self.etag), ("If-Modified-Since", self.last_modified))
        return [(name, value) for name, value in conditions if value is not None]


def validators_of(headers: httpx2.Headers) -> Validators:
    """Those of an answer with these headers that may be sent back."""
    etag, last_modified = (headers.get(name, "") for name in ("ETag", "Last-Modified"))
    return Validators(*(value if _FIT_TO_SEND.fullmatch(value) else None for value in (etag, last_modified)))

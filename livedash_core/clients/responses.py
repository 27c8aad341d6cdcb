"""Checks an HTTP response: a file to read, or one of LiveDash's errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx2

from livedash_core.clients.source import Source
from livedash_core.clients.urls import Target
from livedash_core.errors import PermanentError, SystemicError, TransientError

#: A longer Retry-After is cut to this.
MAX_RETRY_AFTER_SECONDS = 86_400.0
_GZIP = frozenset(("gzip", "x-gzip"))
#: Content codings that would have to be decompressed. Other values of the header are mistakes (``utf-8``), say how the
#: file was uploaded (``aws-chunked``) or nothing (``identity``).
_COMPRESSIONS = frozenset(
    ("br", "compress", "x-compress", "deflate", "zstd", "dcb", "dcz", "lzma", "xz", "bzip2", "exi")
)
# The standard library's parser raises ValueError for what a hostile server can send: charset*=%00''.
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:+-]+)", re.ASCII | re.IGNORECASE)
#: Media types of other content. Servers send any other type for a CSV or text; the content decides.
_NOT_TEXT = re.compile(
    r"(image|audio|video|font|model|multipart)/.*|application/(pdf|wasm|java-archive|x-tar|x-msdownload)"
)
_ARCHIVES = frozenset(("application/zip", "application/x-zip-compressed"))


class Response(NamedTuple):
    """The status and headers of an HTTP response."""

    status: int
    headers: httpx2.Headers

    @property
    def content_type(self) -> str:
        """The media type, in lower case and without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The declared charset, if any."""
        label = _CHARSET.search(self.headers.get("Content-Type", ""))
        return label and label[1]

    @property
    def codings(self) -> frozenset[str]:
        """The content codings, such as gzip."""
        return frozenset(filter(None, (part.strip().lower() for part in self._codings.split(","))))

    @property
    def is_gzip(self) -> bool:
        """Whether the body is declared as gzip."""
        return not self.codings.isdisjoint(_GZIP)

    @property
    def _codings(self) -> str:
        return str(self.headers.get("Content-Encoding", ""))


def check(
    response: Response,
    target: Target,
    source: Source,
    *,
    at_home: bool,
    conditional: bool = False,
    may_be_archive: bool = False,
) -> None:
    """Check that the body is a whole text file or, for a ``conditional`` request, that there is no newer version.

    ``at_home``: the request went to the company's own origin without redirects, with its credentials if it has any.
    Raises ``SystemicError`` for this company if they are refused, ``TransientError`` if a retry may succeed,
    ``PermanentError`` otherwise.
    """
    where = f"{source.company}: {target.shown}"
    match response.status:
        case 200 | 204:
            _check_content(response, where, may_be_archive=may_be_archive)
        case 304 if conditional:
            return
        case (401 | 403) as status if at_home:
            raise SystemicError(
                f"{where} answered {status}: check login and password in the Airflow connection of {source.company}; "
                f"`livedash company list` shows its name; to use another: {source.command('--http-conn-id ID')}",
                company_id=source.company_id,
            )
        case (401 | 403) as status if source.is_home(target):
            raise PermanentError(
                f"{where} answered {status}; credentials are not sent after a redirect from another origin"
            )
        case (401 | 403) as status:
            raise PermanentError(f"{where} answered {status}; credentials are only sent to {source.csv_origin}")
        case 404 | 410:
            raise PermanentError(f"{where} does not exist there")
        case status if status in (408, 425, 429) or status >= 500:
            retry_after = retry_after_seconds(response.headers.get("Retry-After", ""), datetime.now(UTC))
            raise TransientError(f"{where} answered {status}", retry_after_seconds=retry_after)
        case status:
            raise PermanentError(f"{where} answered {status}, which is neither a file nor a temporary error")


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """A ``Retry-After`` header (RFC 9110, 10.2.3: seconds or a date) in seconds from ``now``; None if it is invalid."""
    if re.fullmatch(r"[0-9]{1,10}", value):
        seconds = float(value)
    else:
        try:
            then = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        # The parser returns a naive datetime for the zone "-0000"; the header's dates are in GMT by definition.
        seconds = ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _check_content(response: Response, where: str, *, may_be_archive: bool) -> None:
    if compressions := response.codings & _COMPRESSIONS:
        raise PermanentError(f"{where} has the content coding {min(compressions)!r}; only gzip or none is accepted")
    is_archive = response.content_type in _ARCHIVES and not may_be_archive
    if is_archive or _NOT_TEXT.fullmatch(response.content_type):
        raise PermanentError(f"{where} is {response.content_type[:50]!r}, not text")

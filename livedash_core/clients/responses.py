"""Checks an HTTP response: a file to read, or one of LiveDash's errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import NamedTuple

import httpx2

from livedash_core.clients.refusals import RefusedError
from livedash_core.clients.source import Source
from livedash_core.clients.urls import Target
from livedash_core.errors import PermanentError, TransientError

#: A longer Retry-After is cut to this.
MAX_RETRY_AFTER_SECONDS = 86_400.0
#: The statuses of a refusal.
REFUSED = (401, 403)
#: https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html, "Permissions"
_STORAGE = "; storage services answer so for a file that is missing or a signature that has expired, too"
_QUOTED = re.compile(r'"[^"]*"')
#: A scheme stands alone, or before a token or a parameter: ``Digest realm="x", qop="auth"``.
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][\w-]{0,40})(?=\s*(?:,|$)|\s+[^\s=,]{1,200}\s*(?:=|,|$))", re.ASCII)
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


#: The end of the message about a file that its server does not have.
MISSING = "does not exist there"


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
    Raises ``RefusedError`` for 401 and 403, ``TransientError`` if a retry may succeed, ``PermanentError`` otherwise.
    """
    where = f"{source.company}: {target.shown}"
    match response.status:
        case 200 | 204:
            _check_content(response, where, may_be_archive=may_be_archive)
        case 304 if conditional:
            return
        case (401 | 403) as status if source.is_home(target) and not at_home:
            raise PermanentError(
                f"{where} answered {status}; credentials are not sent after a redirect from another origin"
            )
        case 401 | 403:
            raise _refusal(response, target, source)
        case 404 | 410:
            raise PermanentError(f"{where} {MISSING}")
        case status if status in (408, 425, 429) or status >= 500:
            retry_after = retry_after_seconds(response.headers.get("Retry-After", ""), datetime.now(UTC))
            raise TransientError(f"{where} answered {status}", retry_after_seconds=retry_after)
        case status:
            raise PermanentError(f"{where} answered {status}, which is neither a file nor a temporary error")


def _refusal(response: Response, target: Target, source: Source) -> RefusedError:
    answered = f"{source.company}: {target.shown} answered {response.status}"
    error = partial(RefusedError, wants_login=response.status == httpx2.codes.UNAUTHORIZED)
    wanted = _wanted(response)
    if not source.is_home(target):
        here = f"{answered}; credentials are only sent to {source.csv_origin}{_STORAGE}"
        return error(here, of_everything=f"{here}; {target.origin} served none of the company's files")
    sent = None if source.credentials is None else source.credentials.kinds
    if wanted and not wanted & {scheme.lower() for scheme in sent or ()}:
        names = " or ".join(sorted(scheme.title() for scheme in wanted))
        is_possible = wanted & {"basic", "bearer"}
        reason = f"{answered}: it asks for {names}, " + (
            f"and {' and '.join(sent)} was sent" if sent else "and no credentials are configured"
        )
        reason += (
            f"; put {'a bearer_token' if 'bearer' in wanted else 'login and password'} in an Airflow connection and "
            f"name it: {source.command('--http-conn-id ID')}"
            if is_possible
            else "; LiveDash can send a login (Basic), a bearer token, an API key or a client certificate"
        )
        return error(reason, of_everything=reason)
    if sent is None:
        reason = f"{answered}, and no credentials are configured for the company"
        hint = f"; if the server wants some, name an Airflow connection: {source.command('--http-conn-id ID')}"
        return error(f"{reason}{_STORAGE}", of_everything=f"{reason}{hint}{_STORAGE}")
    of_login = "login and password" if "Basic" in sent else " and ".join(sent)
    return error(
        f"{answered}, and other files are served with the same credentials{_STORAGE}",
        of_everything=f"{answered}: check {of_login} in the Airflow connection of {source.company}; "
        f"`livedash company list` shows its name; to use another: {source.command('--http-conn-id ID')}",
    )


def _wanted(response: Response) -> set[str]:
    """The authentication schemes of a 401's challenges (RFC 9110, 11.6.1), in lower case."""
    if response.status != httpx2.codes.UNAUTHORIZED:
        return set()
    challenges = _QUOTED.sub('""', response.headers.get("WWW-Authenticate", "")[:2_000])
    return (
        {scheme.lower() for scheme in _SCHEME.findall(challenges)}
        if response.status == httpx2.codes.UNAUTHORIZED
        else set()
    )


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

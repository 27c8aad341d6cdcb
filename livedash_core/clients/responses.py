"""What an HTTP answer means for a session: a file to read, or one of our errors."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple

import httpx2

from livedash_core.clients.source import Source
from livedash_core.clients.urls import Target
from livedash_core.errors import PermanentError, SystemicError, TransientError

#: A server may ask for patience, not for ever.
MAX_RETRY_AFTER_SECONDS = 86_400.0
#: What an ``Answer.coding`` calls gzip.
GZIP = ("gzip", "x-gzip")
# The standard library's parser raises ValueError for what a hostile server can send: charset*=%00''.
_CHARSET = re.compile(r";\s*charset\s*=\s*[\"']?([\w.:+-]+)", re.ASCII | re.IGNORECASE)
_CONTENT_TYPES = frozenset(("", "application/octet-stream", "application/csv", "application/json"))


class Answer(NamedTuple):
    """What an HTTP answer says before its body."""

    status: int
    headers: httpx2.Headers

    @property
    def content_type(self) -> str:
        """In lower case, without parameters."""
        return self.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str | None:
        """The label that the server gave the text, if any."""
        label = _CHARSET.search(self.headers.get("Content-Type", ""))
        return label and label[1]

    @property
    def coding(self) -> str:
        """How the body is packed."""
        return self.headers.get("Content-Encoding", "").strip().lower()


def check(answer: Answer, target: Target, source: Source, *, at_home: bool, conditional: bool = False) -> None:
    """Return if the body is a file to read (whole, text by its type) or, if that was asked, there is nothing new.

    ``at_home``: the company's own origin was asked, by no detour, and with the credentials if it has any. Raises
    ``SystemicError`` for this company if they are refused, ``TransientError`` if the server asks to come back later,
    ``PermanentError`` for the rest.
    """
    where = f"{source.company}: {target.shown}"
    match answer.status:
        case 200 | 204:
            _check_content(answer, where)
        case 304 if conditional:
            return
        case (401 | 403) as status if at_home:
            raise SystemicError(
                f"{where} answered {status}: check login and password in the Airflow connection of {source.company}; "
                f"`livedash company list` names it, this sets another: {source.command('--http-conn-id ID')}",
                company_id=source.company_id,
            )
        case (401 | 403) as status if source.is_home(target):
            raise PermanentError(
                f"{where} answered {status}; another origin redirected there, and then credentials are not sent"
            )
        case (401 | 403) as status:
            raise PermanentError(f"{where} answered {status}; credentials are sent to {source.csv_origin} alone")
        case 404 | 410:
            raise PermanentError(f"{where} does not exist there")
        case status if status in (408, 425, 429) or status >= 500:
            patience = retry_after_seconds(answer.headers.get("Retry-After", ""), datetime.now(UTC))
            raise TransientError(f"{where} answered {status}", retry_after_seconds=patience)
        case status:
            raise PermanentError(f"{where} answered {status}, which is neither a file nor a reason to wait")


def retry_after_seconds(value: str, now: datetime) -> float | None:
    """A ``Retry-After`` header (RFC 9110, 10.2.3: seconds or a date) in seconds from ``now``; None for rubbish."""
    if re.fullmatch(r"[0-9]{1,10}", value):
        seconds = float(value)
    else:
        try:
            then = parsedate_to_datetime(value)
        except (ValueError, OverflowError):
            return None
        # The zone "-0000" gives a date without one; the header's dates are in GMT by definition.
        seconds = ((then if then.tzinfo else then.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _check_content(answer: Answer, where: str) -> None:
    if answer.coding not in ("", "identity", *GZIP):
        raise PermanentError(f"{where} came compressed in a way that was not asked for; gzip would do, or none")
    if not (answer.content_type.startswith("text/") or answer.content_type in _CONTENT_TYPES):
        raise PermanentError(f"{where} is {answer.content_type[:50]!r}, not text")

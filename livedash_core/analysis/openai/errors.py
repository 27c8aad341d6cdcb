"""Classify the errors of a chat completions server: first by status, then by code, and by text last.

A refusal that may be due to the one conversation or to every request (a key, a model, an address) is ``Refused``; the
analyzer decides it by comparison (``trial``). A server's free text is inspected but not quoted here, because some
servers echo the request and with it the transcript.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import aiohttp
import openai

from livedash_core.analysis.openai import error_words
from livedash_core.analysis.openai.error_body import ErrorBody
from livedash_core.analysis.openai.http_library import http
from livedash_core.analysis.openai.request_form import Parameter, refused_parameter
from livedash_core.analysis.openai.stated_wait import wait_in_headers
from livedash_core.analysis.openai.token_limits import NO_LIMITS, TokenLimits, read_limits
from livedash_core.costs.ledger import Outcome
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError
from livedash_core.outcomes import Deferred

#: The form of an error code that is safe to show.
IDENTIFIER = re.compile(r"[\w.\-\[\]]{1,60}", re.ASCII)

#: Failures before the request could go out; after any other, it may have been billed.
_NEVER_SENT = (
    http.ConnectError,
    http.TooManyRedirects,
    http.ConnectTimeout,
    http.PoolTimeout,
    http.ProxyError,
    http.LocalProtocolError,
    http.UnsupportedProtocol,
)
#: The timeouts of a gateway. The model behind it may still answer and be billed; 524 is Cloudflare's.
#: nginx's and proxies' word for a client that was too patient.
_GATEWAY_TIMEOUTS = (408, 499, 504, 524)
#: The statuses of a server that works but takes no more requests for now; 498 is Groq's, 529 Anthropic's.
_OVERLOADED = (498, 503, 529)
#: A server that is busy or out of order, besides 5xx.
_OUT_OF_ORDER = (408, 409, 425, 498, 499)

#: The default without Retry-After. The shared rate limiter (``costs.rate_limiter``) holds the other calls back.
_RATE_LIMITED_SECONDS = 5.0


class TranscriptTooLong(PermanentError):
    """The request does not fit in the model's context; ``limits`` are those that the server states.

    ``of_bytes``: the server limits the size of a request in bytes, which the tokens of the reply do not change.
    """

    def __init__(self, message: str, limits: TokenLimits = NO_LIMITS, *, of_bytes: bool = False) -> None:
        super().__init__(message)
        self.limits = limits
        self.of_bytes = of_bytes


class RateLimited(TransientError):
    """The server refused the call because of a rate limit."""


class NoJson(PermanentError):
    """The server checked the model's reply against the requested format and discarded it."""


class ParameterRefused(PermanentError):
    """The server does not accept a part of the request's form."""

    def __init__(self, message: str, parameter: Parameter) -> None:
        super().__init__(message)
        self.parameter = parameter


class Refused(PermanentError):
    """The server refused the call, and it does not say whether it refuses this conversation or every request.

    ``for_everyone`` is the beginning of the sentence if it refuses every request, ``advice`` its end, and ``words`` are
    the server's. They may quote the request: show them only if the request contained no transcript.
    """

    def __init__(self, message: str, *, for_everyone: str, advice: str, words: str, of_account: bool) -> None:
        super().__init__(message)
        self.for_everyone = for_everyone
        self.advice = advice
        self.words = words
        self.of_account = of_account


class Disturbed(TransientError):
    """The server is busy or out of order. ``is_billed``: it may have answered all the same; ``words``: as above."""

    def __init__(
        self,
        message: str,
        *,
        retry_after_seconds: float | None = None,
        is_billed: bool = False,
        form: bool = False,
        is_overload: bool = False,
        words: str = "",
    ) -> None:
        super().__init__(message, retry_after_seconds=retry_after_seconds)
        self.is_billed = is_billed
        self.words = words
        #: The server works, but takes no more calls at the moment.
        self.is_overload = is_overload
        #: Whether a simpler form of the request may help: some servers crash over a response format.
        self.may_be_form = form


@dataclass(frozen=True, slots=True)
class Call:
    """What an error message names of a call: the server's host and port, the model and the timeout."""

    server: str
    model: str
    timeout_seconds: float
    company_id: UUID


class Overloaded(TransientError):
    """The server refused the call because of the other calls that are under way."""


def outcome(exc: openai.APIError | TimeoutError) -> Outcome:
    """The outcome for the ledger: ``rejected`` if the call is not billed, ``unknown`` if it may be."""
    if isinstance(exc, openai.APIStatusError):
        return "unknown" if exc.status_code in _GATEWAY_TIMEOUTS else "rejected"
    return "rejected" if _was_never_sent(exc) else "unknown"


def _was_never_sent(exc: BaseException) -> bool:
    cause = exc.__cause__
    if cause is not None and isinstance(cause.__cause__, aiohttp.ClientConnectionError):
        # The SDK makes a timeout while connecting of every broken connection.
        return isinstance(cause.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return isinstance(cause, _NEVER_SENT)


def _is_timeout(exc: BaseException) -> bool:
    if exc.__cause__ is not None and isinstance(exc.__cause__.__cause__, aiohttp.ClientConnectionError):
        return isinstance(exc.__cause__.__cause__, TimeoutError)
    return isinstance(exc, TimeoutError | openai.APITimeoutError)


def translated(exc: openai.APIError | TimeoutError, call: Call) -> ProcessingError:
    """Translate an error of the SDK: permanent for the session, systemic or transient."""
    if isinstance(exc, openai.APIStatusError):
        # The SDK keeps the inner object only, and the codes of some servers are beside it.
        whole = ErrorBody.read(exc.response.content)
        error = whole if whole.is_json else ErrorBody.of(exc.body)
        # An exception without a response was made from an error inside another answer: its status is a guess.
        is_certain = bool(exc.response.content) or exc.body is None
        return translated_status(exc.status_code, error, call, exc.response.headers, is_certain=is_certain)
    if isinstance(exc, openai.APIResponseValidationError):
        return Refused(
            f"{call.server} answered 200 without a completion",
            for_everyone=f"{call.server} answered 200 without a completion",
            advice=_BASE_URL,
            words="",
            of_account=True,
        )
    if _was_never_sent(exc):
        return Disturbed(f"no connection to {call.server}; is it up, and its address right?")
    if _is_timeout(exc):
        return Disturbed(f"{call.server} did not answer within {call.timeout_seconds:g} seconds", is_billed=True)
    return Disturbed(f"{call.server} broke the connection before it had answered", is_billed=True)


def deferred(error: RateLimited | Overloaded) -> Deferred:
    """A deferral instead of a failure: a rate limit costs the session no attempt, and it waits for Retry-After."""
    wait = _RATE_LIMITED_SECONDS if error.retry_after_seconds is None else error.retry_after_seconds
    return Deferred(str(error), "rate limit", retry_after_seconds=wait, this_session=True)


def translated_status(
    status: int,
    error: ErrorBody,
    call: Call,
    headers: Mapping[str, str] | None = None,
    *,
    is_certain: bool = True,
) -> ProcessingError:
    """Translate an error that the server reported, in a response with this status or inside of another one.

    If the status is not certain, no error is systemic before it was compared.
    """
    # The first code of the server that is safe to show: a stable text, so that failures can be grouped by it.
    safe = [code for code in error.codes if IDENTIFIER.fullmatch(code) and code != str(status)]
    what = " ".join([str(status), *safe[:1]])

    def says(pattern: re.Pattern[str]) -> bool:
        return any(pattern.fullmatch(code) for code in error.codes)

    if status in (401, 402) or (status in (400, 403, 429) and says(error_words.ACCOUNT)):
        if not is_certain:
            return _refused(status, error, call, what)
        return SystemicError(f"{call.server} refuses the API key or its account ({what}); check the key and its credit")
    if status == 429 and not (says(error_words.TOO_LONG) or error_words.REQUEST_TOO_LARGE.search(error.message)):
        return RateLimited(_busy(call, what), retry_after_seconds=_wait(headers, error))
    if status in (400, 403, 404) and says(error_words.MODEL) and is_certain:
        return SystemicError(f"{_no_model(call)} ({what}); {_OTHER_MODEL}", company_id=call.company_id)
    if status in (413, 429) or (
        status in (400, 422, 500) and (says(error_words.TOO_LONG) or error_words.TOO_LONG_TEXT.search(error.message))
    ):
        limits = read_limits(error.message)
        return TranscriptTooLong(
            f"the conversation is too long for {call.model!r} ({what}); set LIVEDASH_TRANSCRIPT_TOKENS lower",
            limits,
            of_bytes=status == 413 and limits == NO_LIMITS,
        )
    if status in (400, 403, 422) and says(error_words.REFUSAL):
        return PermanentError(f"the model refused to analyse this conversation ({what})")
    is_out_of_order = status in (400, 404, 422) and error_words.OUT_OF_ORDER_TEXT.search(error.message)
    if is_out_of_order or status in _OUT_OF_ORDER or (status >= 500 and status not in (501, 505)):
        return Disturbed(
            _busy(call, what),
            retry_after_seconds=_wait(headers, error),
            is_billed=status in _GATEWAY_TIMEOUTS,
            form=status == 500 and error.is_json,
            is_overload=status in _OVERLOADED,
            words=error.message,
        )
    if status in (400, 422) and error_words.NO_JSON in error.codes:
        return NoJson(f"{call.server} could not make the model answer with JSON ({what})")
    if status in (400, 404, 415, 422, 501) and (parameter := refused_parameter(error)):
        return ParameterRefused(f"{call.server} refuses {parameter} for {call.model!r} ({what})", parameter)
    if status in (400, 422) and error_words.TOO_MANY_COMPLETION_TOKENS.search(error.message):
        return TranscriptTooLong(
            f"{call.server} does not let {call.model!r} write that many tokens ({what})", read_limits(error.message)
        )
    return _refused(status, error, call, what)


def _refused(status: int, error: ErrorBody, call: Call, what: str) -> Refused:
    of_account = False
    if status in (401, 402, 429):
        sentence, advice, of_account = f"{call.server} refuses the API key or its account", _KEY, True
    elif error_words.MODEL_TEXT.search(error.message) or any(error_words.MODEL.fullmatch(code) for code in error.codes):
        sentence, advice = _no_model(call), _OTHER_MODEL
    elif error_words.KEY_TEXT.search(error.message):
        sentence, advice, of_account = f"{call.server} refuses the API key or its account", _KEY, True
    elif status == 403:
        sentence, advice, of_account = f"{call.server} forbids the use of {call.model!r}", _PERMISSIONS, True
    elif status in (400, 422):
        sentence, advice = f"{call.server} does not take our requests for {call.model!r}", _REQUESTS
    else:
        sentence, advice, of_account = f"{call.server} is no chat completions server", _BASE_URL, True
    return Refused(
        f"{call.server} refused this conversation ({what})",
        for_everyone=f"{sentence} ({what})",
        advice=advice,
        words=error.message,
        of_account=of_account,
    )


_KEY = "check the key and its credit"
_OTHER_MODEL = "choose another for the company"
_PERMISSIONS = "check the key's permissions"
_REQUESTS = "check the key, the model and the server"
_BASE_URL = "check the base URL, and its /v1"


def _no_model(call: Call) -> str:
    return f"{call.server} has no model {call.model!r} for this key"


def _busy(call: Call, what: str) -> str:
    return f"{call.server} is busy or out of order ({what})"


def _wait(headers: Mapping[str, str] | None, error: ErrorBody) -> float | None:
    """Seconds to wait: what the headers say, otherwise the error itself."""
    found = wait_in_headers(headers or {}, datetime.now(UTC))
    return error.wait_seconds if found is None else found

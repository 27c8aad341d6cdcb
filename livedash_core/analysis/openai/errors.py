"""Translate the errors of a chat completions server into ours.

The classification follows OpenAI's error codes guide and the deviations of Azure, llama.cpp, vLLM and Ollama. A
server's free text is inspected but never quoted, because some servers echo the request and with it the transcript.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

import httpx2
import openai

from livedash_core.clients.responses import MAX_RETRY_AFTER_SECONDS, retry_after_seconds
from livedash_core.costs.ledger import Outcome
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError
from livedash_core.outcomes import Deferred

_ACCOUNT = re.compile(
    "insufficient_quota|credit_balance_exhausted|billing.*|account_deactivated|access_terminated|invalid_api_key"
)
_REFUSAL = re.compile("content_filter|content_policy_violation|invalid_prompt|ResponsibleAIPolicyViolation")
_TOO_LONG = re.compile("context_length_exceeded|exceed_context_size_error|request_too_large")
_TOO_LONG_TEXT = re.compile(
    r"context (length|size|window)|prompt is too long|too many tokens|request too large", re.IGNORECASE
)
_MODEL = re.compile("model_not_found|invalid_model|model_not_available|unknown_model")
_MODEL_TEXT = re.compile(r"\bmodel\b.*(not found|not exist|not available|deprecated|shut ?down)", re.IGNORECASE)
_REQUEST = re.compile("unsupported_parameter|unsupported_value|unknown_parameter|invalid_json_schema")
_REQUEST_TEXT = re.compile("response_format|json_schema|max_completion_tokens|grammar", re.IGNORECASE)
#: The form of an error code that is safe to show.
IDENTIFIER = re.compile(r"[\w.\-\[\]]{1,60}", re.ASCII)

#: Failures before the request could go out; after any other, it may have been billed.
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.LocalProtocolError,
    httpx2.UnsupportedProtocol,
)
#: The timeouts of a gateway. The model behind it may still answer and be billed; 524 is Cloudflare's.
_GATEWAY_TIMEOUTS = (408, 504, 524)


#: The default without Retry-After. The shared rate limiter (``costs.rate_limiter``) holds the other calls back.
_RATE_LIMITED_SECONDS = 5.0


class TranscriptTooLong(PermanentError):
    """The conversation does not fit in the model's context."""


class RateLimited(TransientError):
    """The server refused the call because of a rate limit."""


@dataclass(frozen=True, slots=True)
class Call:
    """What an error message names of a call: the server's host and port, the model and the timeout."""

    server: str
    model: str
    timeout_seconds: float
    company_id: UUID


def outcome(exc: openai.APIError | TimeoutError) -> Outcome:
    """The outcome for the ledger: ``rejected`` if the call is not billed, ``unknown`` if it may be."""
    if isinstance(exc, openai.APIStatusError):
        return "unknown" if exc.status_code in _GATEWAY_TIMEOUTS else "rejected"
    return "rejected" if isinstance(exc.__cause__, _NEVER_SENT) else "unknown"


def translated(exc: openai.APIError | TimeoutError, call: Call) -> ProcessingError:
    """Translate an error of the SDK: permanent for the session, systemic or transient."""
    if isinstance(exc, openai.APIStatusError):
        return _of_status(exc, call)
    if isinstance(exc, openai.APIResponseValidationError):
        return SystemicError(f"{call.server} answered 200 without a completion; check the base URL, and its /v1")
    if isinstance(exc, TimeoutError | openai.APITimeoutError):
        return TransientError(f"{call.server} did not answer within {call.timeout_seconds:g} seconds")
    if isinstance(exc.__cause__, _NEVER_SENT):
        return TransientError(f"no connection to {call.server}; is it up, and its address right?")
    return TransientError(f"{call.server} broke the connection before it had answered")


def deferred(error: RateLimited) -> Deferred:
    """A deferral instead of a failure: a rate limit costs the session no attempt, and it waits for Retry-After."""
    wait = _RATE_LIMITED_SECONDS if error.retry_after_seconds is None else error.retry_after_seconds
    return Deferred(str(error), "rate limit", retry_after_seconds=wait, this_session=True)


def _of_status(exc: openai.APIStatusError, call: Call) -> ProcessingError:
    status, codes = exc.status_code, [str(value) for value in (exc.code, exc.type) if value]
    # The first code of the server that is safe to show: a stable text, so that failures can be grouped by it.
    what = " ".join([str(status), *[code for code in codes if IDENTIFIER.fullmatch(code)][:1]])
    text = _message(exc)

    def says(pattern: re.Pattern[str]) -> bool:
        return any(pattern.fullmatch(code) for code in codes)

    if status in (401, 402) or (status in (400, 403, 429) and says(_ACCOUNT)):
        return SystemicError(f"{call.server} refuses the API key or its account ({what}); check the key and its credit")
    if status in (400, 403, 404) and (says(_MODEL) or _MODEL_TEXT.search(text)):
        return SystemicError(
            f"{call.server} has no model {call.model!r} for this key ({what}); choose another for the company",
            company_id=call.company_id,
        )
    if status == 403:
        return SystemicError(f"{call.server} forbids the use of {call.model!r} ({what}); check the key's permissions")
    if status == 413 or (status in (400, 429) and (says(_TOO_LONG) or _TOO_LONG_TEXT.search(text))):
        return TranscriptTooLong(f"the conversation is too long for {call.model!r} ({what})")
    if status == 400 and says(_REFUSAL):
        return PermanentError(f"the model refused to analyse this conversation ({what})")
    if status == 422 or (status == 400 and (says(_REQUEST) or _is_constant(exc.param) or _REQUEST_TEXT.search(text))):
        return SystemicError(
            f"{call.server} does not take our requests for {call.model!r} ({what}); it needs a model and a server "
            "with structured outputs (response_format json_schema)",
            company_id=call.company_id,
        )
    if status == 400:
        return PermanentError(f"{call.server} refused this conversation ({what})")
    if status in (408, 409, 425, 429) or status >= 500:
        kind = RateLimited if status == 429 else TransientError
        return kind(
            f"{call.server} is busy or out of order ({what})", retry_after_seconds=_retry_after(exc.response.headers)
        )
    return SystemicError(f"{call.server} is no chat completions server ({what}); check the base URL, and its /v1")


def _message(exc: openai.APIStatusError) -> str:
    """The beginning of the server's message: an echoed transcript behind it must not affect the classification."""
    body = exc.body.get("message") if isinstance(exc.body, dict) else exc.body
    return str(body)[:200]


def _is_constant(param: object) -> bool:
    """Whether the server objects to a parameter that is the same in every request."""
    return isinstance(param, str) and bool(param) and not param.startswith("messages")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: OpenAI's ``retry-after-ms`` (which the SDK also reads first), otherwise ``Retry-After``."""
    milliseconds = headers.get("retry-after-ms", "")
    if re.fullmatch(r"[0-9]{1,12}", milliseconds):
        return min(int(milliseconds) / 1_000, MAX_RETRY_AFTER_SECONDS)
    return retry_after_seconds(headers.get("retry-after", ""), datetime.now(UTC))

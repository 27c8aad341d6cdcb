"""Find the error that a response with status 200 describes, and the status that it should have had; pure.

Gateways and local servers answer 200 with an error object, in the body or in a choice. The error is then classified
like the same error with its own status (``errors.translated``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import openai

from livedash_core.analysis.openai.http_library import http

#: Where a body without a completion describes its error, besides ``error``.
_DESCRIPTIONS = (
    "error",
    "errors",
    "base_resp",
    "detail",
    "error_message",
    "error_msg",
    "errorMessage",
    "message",
    "msg",
)
_STATUS_KEYS = ("status_code", "statusCode", "http_status", "status", "code", "error_code")
#: Words of a ``status`` that is no number.
_FAILED = ("error", "fail", "failed", "failure")
#: The meaning of an error without a status: what its code, type or the beginning of its message contain.
_STATUSES: tuple[tuple[int, re.Pattern[str]], ...] = tuple(
    (status, re.compile(words, re.IGNORECASE))
    for status, words in (
        (402, r"insufficient.?(quota|credit|balance|funds)|credit balance|billing|payment"),
        (
            429,
            r"rate.?limit|request.?limit|limit (reached|exceeded)|too.?many.?requests|resource.?exhausted|throttl|"
            r"quota|slow down",
        ),
        (401, r"api.?(secret )?key|authenti|unauthori[sz]ed|credential|(access|invalid|expired) token|log ?in\b"),
        (403, r"permission|forbidden|access.?denied"),
        (
            400,
            r"context.?(length|size|window)|token.?limit|too.?(long|large)|invalid.?(request|argument|prompt|param)|"
            r"bad.?request",
        ),
        (400, r"content.?(filter|policy)|moderation|flagged"),
        (404, r"endpoint|(unknown|unsupported|no such|invalid) (path|route|url|method)|not.?found|does not exist"),
        (503, r"overload|unavailable|capacity|try again|busy|loading|time.?d?.?out|upstream|internal|server.?error"),
    )
)
_DEFAULT_STATUS = 500


class Fault(NamedTuple):
    """An error, with the status that a server which follows HTTP would have sent for it; ``body`` describes it."""

    status: int
    body: dict[str, Any]

    def as_status_error(self, response: http.Response | None = None) -> openai.APIStatusError:
        """The exception that the SDK raises for this error with its own status; headers are those of ``response``."""
        headers = {} if response is None else dict(response.headers)
        headers = {
            name: value for name, value in headers.items() if not name.lower().startswith(("content", "transfer"))
        }
        request = http.Request("POST", "/chat/completions") if response is None else response.request
        made = http.Response(self.status, headers=headers, request=request)
        return openai.APIStatusError("", response=made, body=self.body)


def fault_in(body: Mapping[str, Any]) -> Fault | None:
    """The error that ``body`` or its first choice describes, or None."""
    described = body.get("error")
    choices = body.get("choices")
    if not described and isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        described = choices[0].get("error")
    is_explicit = bool(described) or _says_that_it_failed(body)
    if not described and not choices and not body.get("usage"):
        described = next((body[key] for key in _DESCRIPTIONS if body.get(key) and not _is_fine(body[key])), None)
        # An error that is the body itself, as vLLM has it.
        if isinstance(described, str) and described == body.get("message"):
            described = body
    if described is True:
        described = body  # {"error": true, "message": ...}
    if not described:
        return None
    if isinstance(described, list):
        described = described[0]  # never empty
    if not isinstance(described, Mapping):
        described = {"message": str(described), "code": body.get("code"), "type": body.get("type")}
    status = _status(described, body)
    if status is None and not is_explicit:
        return None  # a greeting: {"message": "Ollama is running"}
    return Fault(status or _DEFAULT_STATUS, dict(described))


def _says_that_it_failed(body: Mapping[str, Any]) -> bool:
    base = body.get("base_resp")  # MiniMax's
    return (
        "error" in (body.get("object"), body.get("type"))
        or str(body.get("status")).casefold() in _FAILED
        or body.get("success") is False
        or (isinstance(base, Mapping) and not _is_fine(base))
    )


def _is_fine(described: Any) -> bool:
    """Whether it is MiniMax's description of a success: {"status_code": 0, "status_msg": "success"}."""
    return isinstance(described, Mapping) and described.get("status_code") == 0


def _status(*sources: Mapping[str, Any]) -> int | None:
    for value in (source.get(key) for source in sources for key in _STATUS_KEYS):
        if isinstance(value, int | str) and re.fullmatch(r"[45]\d\d", str(value)):
            return int(value)
    # A code says more than a type, and a type more than a sentence.
    for value in (sources[0].get(key) for key in ("code", "status", "type", "message", "status_msg", "msg")):
        text = str(value)[:200] if isinstance(value, str) else ""
        for status, pattern in _STATUSES:
            if pattern.search(text):
                return status
    return None

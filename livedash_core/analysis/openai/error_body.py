"""Read the error in a response body, whatever its form; pure.

OpenAI sends ``{"error": {"message", "type", "param", "code"}}``, Gemini a list of such objects, vLLM the fields at the
top, xAI and LM Studio ``{"error": "text"}``, FastAPI ``{"detail": [{"loc", "msg"}]}``, Mistral that list within
``message``, and OpenRouter, Databricks and others the error of the server behind them as JSON in a string. All strings
under the known names are collected, at any level.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from livedash_core.analysis.openai.stated_wait import wait_in_fields, wait_in_sentence

#: The beginning of a message that is inspected: a server may echo the transcript behind it.
_INSPECTED_CHARACTERS = 400
#: An error has a few levels and fields; a hostile body may have any number.
_MAX_DEPTH = 6
_MAX_FIELDS = 200

#: The most specific one first.
_CODES = ("code", "error_code", "errorCode", "type", "error_type", "__type", "status", "reason")
_NUMBERS = {"n_ctx": "(context size {} tokens)", "n_prompt_tokens": "(request ({} tokens))"}
_MESSAGES = ("message", "msg", "detail", "error", "error_description", "error_msg", "status_msg", "title", "raw")
#: A longer string is not read as JSON.
_MAX_INNER_CHARACTERS = 20_000


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The codes, the parameters and the message of an error; each may be empty.

    ``params`` are dotted paths such as ``messages.0.role``. ``is_json``: the body was a JSON object or list.
    ``wait_seconds`` is how long the server asks to wait, None if it does not say.
    """

    codes: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    message: str = ""
    is_json: bool = False
    wait_seconds: float | None = None

    @classmethod
    def read(cls, body: bytes) -> ErrorBody:
        """Read the body of a response; never fails."""
        try:
            found = json.loads(body)
        except (ValueError, RecursionError):
            return cls()
        return cls.of(found)

    @classmethod
    def of(cls, found: Any) -> ErrorBody:
        """Read a JSON value; never fails."""
        if isinstance(found, str):
            return cls(
                message=found[:_INSPECTED_CHARACTERS], wait_seconds=wait_in_sentence(found[:_INSPECTED_CHARACTERS])
            )
        fields = list(_fields(found, 0))[:_MAX_FIELDS]
        codes = [
            str(value)
            for code in _CODES
            for name, value in fields
            if name == code and isinstance(value, str | int) and value
        ]
        params = [value for name, value in fields if name == "param" and isinstance(value, str) and value]
        params += [
            ".".join(str(part) for part in value)
            for name, value in fields
            if name == "loc" and isinstance(value, list) and all(isinstance(part, str | int) for part in value)
        ]
        messages = [value for name, value in fields if name in _MESSAGES and isinstance(value, str)]
        # llama.cpp states its numbers in fields of their own.
        messages += [
            words.format(value) for name, value in fields if (words := _NUMBERS.get(name)) and isinstance(value, int)
        ]
        message = " ".join(dict.fromkeys(messages))[:_INSPECTED_CHARACTERS]
        wait = wait_in_fields(fields, datetime.now(UTC))
        return cls(
            tuple(dict.fromkeys(codes)),
            tuple(param.removeprefix("body.").replace("[", ".").replace("]", "") for param in params),
            message,
            is_json=isinstance(found, dict | list),
            wait_seconds=wait_in_sentence(message) if wait is None else wait,
        )


def _fields(found: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """The fields at all levels, those of an outer level first."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(found, dict):
        fields = list(found.items())[:_MAX_FIELDS]
        fields = [(name, _unquoted(value) if name in _MESSAGES else value) for name, value in fields]
        yield from fields
        inner = [value for _, value in fields]
    else:
        inner = found if isinstance(found, list) else []
    for value in inner[:_MAX_FIELDS]:
        if isinstance(value, dict | list):
            yield from _fields(value, depth + 1)


def _unquoted(value: Any) -> Any:
    """The JSON object or list in a string that is one, otherwise ``value``."""
    if isinstance(value, str) and len(value) <= _MAX_INNER_CHARACTERS and value.lstrip()[:1] in ("{", "["):
        try:
            found = json.loads(value)
        except (ValueError, RecursionError):
            return value
        return found if isinstance(found, dict | list) else value
    return value

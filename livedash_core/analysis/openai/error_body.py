"""Read the error in a response body, whatever its form; pure.

OpenAI sends ``{"error": {"message", "type", "param", "code"}}``, Gemini a list of such objects, vLLM the fields at the
top, xAI and LM Studio ``{"error": "text"}``, FastAPI ``{"detail": [{"loc", "msg"}]}``, Mistral that list within
``message``. All strings under the known names are collected, at any level.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

#: The beginning of a message that is inspected: a server may echo the transcript behind it.
_INSPECTED_CHARACTERS = 400
#: An error has a few levels and fields; a hostile body may have any number.
_MAX_DEPTH = 6
_MAX_FIELDS = 200

#: The most specific one first.
_CODES = ("code", "type", "status", "reason")
_NUMBERS = {"n_ctx": "(context size {} tokens)", "n_prompt_tokens": "(request ({} tokens))"}
_MESSAGES = ("message", "msg", "detail", "error", "error_description", "title")


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """The codes, the parameters and the message of an error; each may be empty.

    ``params`` are dotted paths such as ``messages.0.role``. ``is_json``: the body was a JSON object or list.
    """

    codes: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    message: str = ""
    is_json: bool = False

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
            return cls(message=found[:_INSPECTED_CHARACTERS])
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
        return cls(
            tuple(dict.fromkeys(codes)),
            tuple(param.removeprefix("body.").replace("[", ".").replace("]", "") for param in params),
            " ".join(dict.fromkeys(messages))[:_INSPECTED_CHARACTERS],
            is_json=isinstance(found, dict | list),
        )


def _fields(found: Any, depth: int) -> Iterator[tuple[str, Any]]:
    """The fields at all levels, those of an outer level first."""
    if depth > _MAX_DEPTH:
        return
    if isinstance(found, dict):
        yield from list(found.items())[:_MAX_FIELDS]
        inner = list(found.values())
    else:
        inner = found if isinstance(found, list) else []
    for value in inner[:_MAX_FIELDS]:
        if isinstance(value, dict | list):
            yield from _fields(value, depth + 1)

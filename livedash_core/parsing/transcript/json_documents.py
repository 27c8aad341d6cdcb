"""JSON documents in a text: whole, one behind the other, or as Python prints them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from livedash_core.parsing.transcript.speakers import MARKS

_BEGINS_WITH_JSON = re.compile(rf'[\s{MARKS}]*(?:\{{|\[\s*[{{\["\]]|"(?:[^"\\]|\\.){{1,2000}})')
_BETWEEN_DOCUMENTS = re.compile(r"[\s,\x1e]*")
#: A string that is never closed is one token, so that the time stays linear.
_TOKEN = re.compile(
    r""" "(?:[^"\\]|\\.)*(?:"|\Z)|'(?:[^'\\]|\\.)*(?:'|\Z)|\b(?:None|True|False)\b|,(?=\s*[\]}]) """.strip(), re.DOTALL
)
_WORDS_OF_PYTHON = {"None": "null", "True": "true", "False": "false"}
_HEX = re.compile(r"\\x([0-9a-fA-F]{2})")


class NotJson(ValueError):
    """The text is no JSON document and no lines of JSON."""


def may_be_json(text: str) -> bool:
    """Whether ``text`` begins like JSON."""
    return _BEGINS_WITH_JSON.match(text) is not None


def load_json(text: str) -> Any:
    """The document, or a list of the documents that stand one behind the other, or what Python prints of them.

    Raises ``NotJson``.
    """
    text = text.strip("\ufeff \t\r\n")
    ways: tuple[Callable[[], Any], ...] = (
        lambda: json.loads(text),
        lambda: _concatenated(text),
        lambda: json.loads(_with_quotes_of_json(text)),
    )
    for way in ways:
        with suppress(ValueError, RecursionError):
            return way()
    raise NotJson


def _concatenated(text: str) -> list[Any]:
    """The documents that stand one behind the other. Raises ``ValueError``, ``RecursionError``."""
    documents: list[Any] = []
    decoder, position = json.JSONDecoder(), 0
    while position < len(text):
        document, end = decoder.raw_decode(text, position)
        documents.append(document)
        position = ((match := _BETWEEN_DOCUMENTS.match(text, end)) and match.end()) or end
    return documents


def _with_quotes_of_json(text: str) -> str:
    """What Python prints, with the quotes and words of JSON; commas behind the last item go."""
    return _TOKEN.sub(_token_of_json, text)


def _token_of_json(match: re.Match[str]) -> str:
    written = match[0]
    if written in _WORDS_OF_PYTHON:
        return _WORDS_OF_PYTHON[written]
    if written[0] != "'":
        return "" if written == "," else written
    inner = written[1:-1].replace("\\'", "'")
    return '"' + _HEX.sub(r"\\u00\1", re.sub(r'(?<!\\)"', r'\\"', inner)) + '"'


def text_inside(document: Any) -> str:
    """The text of a document that holds a conversation in one string, or a line of it in each string of a list."""
    strings: list[str] = []
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            strings.append(value)
        elif isinstance(value, list):
            waiting += reversed(value)
        elif isinstance(value, dict):
            waiting += reversed(value.values())
    return "\n".join(strings)

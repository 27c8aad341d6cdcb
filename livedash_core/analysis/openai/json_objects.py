"""Find the JSON objects in a model's text; pure, and linear in the length of the text.

The text is read from left to right, so that an object inside a string of another one is never found: a user who
pastes JSON, and is quoted by the model, does not add an object. An object that is not valid JSON is read leniently:
trailing commas, single quotes, Python's literals, comments, typographic quotes, unescaped quotes.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import Any, NamedTuple

#: Longer objects are not read leniently. The longest valid reply has a few thousand characters.
MAX_LENIENT_CHARACTERS = 40_000
#: Failed attempts may together read this many times the text; the rest is then left unread.
_MAX_EFFORT = 8
_MIN_EFFORT = 100_000
#: What the shortest attempt counts.
_MIN_ATTEMPT = 250

#: An object, or a list whose first element is one.
_START = re.compile(r"\[(?=\s*\{)|\{")
_START_OF_LINE = re.compile(r"^[ \t]*(\[(?=\s*\{)|\{)", re.MULTILINE)
#: What can follow the brace of an object, as opposed to a brace in prose.
_OBJECT_LIKE = re.compile(
    r"[{\[](?:\s{0,64}[{\[]){0,3}\s{0,64}(?:\\?[\"'“”„«‘’`]|//|/\*|#|[A-Za-z_$][\w$ -]{0,40}[\"'”]?\s*:)"
)
_FIRST_KEY = re.compile(
    r"[{\[](?:\s{0,64}[{\[]){0,3}\s{0,64}[\\\"'“”„«‘’`]{0,3}([A-Za-z_$][\w$ -]{0,40})[\\\"'“”»‘’`]*\s*:"
)
_TOKEN = re.compile(r"\\.|[\"{}]", re.DOTALL)
#: JSON whose quotes are escaped although it is in no string: {\"summary\": ...}
_ESCAPED = re.compile(r"[{\[](?:\s{0,64}[{\[]){0,3}\s{0,64}\\\"")
#: The end of a value, as opposed to a text that was cut off in the middle of one.
_COMPLETE_VALUE = re.compile(r"(?:[\"'”’\]}]|\b(?:true|false|null|True|False|None))[\s,]*(?:```)?\s*\Z")
_DECODER = json.JSONDecoder(strict=False)  # a raw line break in a string is accepted


class Found(NamedTuple):
    """A JSON value in a text, from ``start`` to ``end``; ``value`` is None for an object that could not be read."""

    start: int
    end: int
    value: Any


def find_objects(text: str, own_keys: frozenset[str]) -> list[Found]:
    """The objects (and lists of objects) in ``text``, in their order; those inside another one are not listed.

    ``own_keys`` (folded by ``fold_key``) are those of the wanted object: one that begins with such a key and cannot be
    read is listed with the value None, and only what begins a line is looked for behind its beginning.
    """
    found: list[Found] = []
    effort, position, starts = 0, 0, _START
    while match := starts.search(text, position):
        start = match.start(match.lastindex or 0)
        if effort > max(_MIN_EFFORT, _MAX_EFFORT * len(text)):
            return [*found, Found(start, len(text), None)]
        try:
            value, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as exc:
            effort += max(exc.pos - start, _MIN_ATTEMPT)
        except (ValueError, RecursionError):
            effort += _MIN_EFFORT // 10
        else:
            found.append(Found(start, end, value))
            position, starts = end, _START
            continue
        if not _OBJECT_LIKE.match(text, start):
            position = start + 1
            continue
        closing, read = _closing_brace(text, start)
        effort += read
        is_own = (key := _FIRST_KEY.match(text, start)) is not None and fold_key(key[1]) in own_keys
        if closing is not None:
            value = _read_leniently(text[start:closing])
            effort += closing - start
            if value is not None or is_own:
                found.append(Found(start, closing, value))
            position, starts = closing, _START
        elif is_own:
            # Its end is missing, so the rest of the text may be a part of it.
            value = _read_leniently(text[start:]) if _ends_complete(text, start) else None
            found.append(Found(start, len(text), value))
            if value is not None:
                return found
            position, starts = start + 1, _START_OF_LINE
        else:
            position = start + 1
    return found


def read_text_value(text: str) -> Any:
    """The JSON value that is the whole ``text`` (without Markdown fences), or None: for JSON inside of a string."""
    try:
        return _DECODER.decode(text.strip().removeprefix("```json").strip("`").strip())
    except (ValueError, RecursionError):
        return None


def fold_key(key: str) -> str:
    """The letters of a key in lower case: ``forwardedhr`` for forwardedHr, forwarded-hr, FORWARDED_HR."""
    return _fold_short_key(key) if len(key) <= _SHORT_KEY else _fold(key)


def _fold(key: str) -> str:
    return re.sub(r"[\W_]+", "", key).casefold()


#: Replies have the same keys again and again; longer ones than this are not kept.
_SHORT_KEY = 40
_fold_short_key = lru_cache(maxsize=1024)(_fold)


def _closing_brace(text: str, start: int) -> tuple[int | None, int]:
    """The end of the object at ``start``, and how many characters were read to find it.

    Braces in strings do not count, unless no end is found otherwise: a quote may be missing.
    """
    depth = plain_depth = 0
    in_string, plain_end = False, None
    stop = min(len(text), start + MAX_LENIENT_CHARACTERS)
    for match in _TOKEN.finditer(text, start, stop):
        mark = match[0]
        if mark == '"':
            in_string = not in_string
        elif mark in "{}":
            step = 1 if mark == "{" else -1
            plain_depth += step
            if plain_depth == 0 and plain_end is None:
                plain_end = match.end()
            if not in_string:
                depth += step
                if depth == 0:
                    return match.end(), match.end() - start
    return plain_end, stop - start


def _ends_complete(text: str, start: int) -> bool:
    """Whether the text from ``start`` on ends behind a value, so that only closing brackets are missing."""
    if len(text.rstrip()) - start > MAX_LENIENT_CHARACTERS:
        return False
    quotes = sum(match[0] == '"' for match in _TOKEN.finditer(text, start))
    return quotes % 2 == 0 and _COMPLETE_VALUE.search(text, max(start, len(text.rstrip()) - 40)) is not None


def _read_leniently(text: str) -> Any:
    """The object in ``text``, or None."""
    # Imported here, because most replies are valid JSON and the package takes a tenth of a second.
    import json_repair

    text = text.strip()
    if _ESCAPED.match(text):
        try:
            text = str(json.loads(f'"{text}"', strict=False))
        except ValueError:
            return None
    try:
        value = json_repair.loads(text, skip_json_loads=True)
    except (ValueError, RecursionError, IndexError, TypeError, AttributeError):
        return None
    return value if isinstance(value, dict) and value else None

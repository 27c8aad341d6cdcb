"""The messages in a JSON document or in JSON lines, whatever the export calls their fields."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

from livedash_core.parsing.stamps import STAMP, UNREADABLE, Stamp, at_instant, read_stamp
from livedash_core.parsing.transcript.html_text import html_to_text, is_html
from livedash_core.parsing.transcript.message_fields import (
    INSIDE,
    ONLY_KNOWN,
    PAIRED,
    SPEAKER,
    SPEAKER_FLAGS,
    TEXT,
    TIME,
)
from livedash_core.parsing.transcript.messages import RawMessage, Reading
from livedash_core.parsing.transcript.speakers import Speaker, SpeakerTable

#: The Bot Framework's numbers: https://learn.microsoft.com/power-apps/developer/data-platform/conversationtranscript
_ROLE_NUMBERS = {0: "bot", 1: "user"}
_WHOLE_STAMP = re.compile(STAMP, re.ASCII | re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]{9,19}(?:\.[0-9]{1,9})?", re.ASCII)
_MAX_DEPTH = 6
_MAX_SPEAKER = 80
_FIRST_ENTRIES = 5
_SEPARATORS = re.compile(r"[^a-z0-9]")


def read_json(document: Any, table: SpeakerTable) -> Reading:
    """Every object of the document that has a text and a speaker, in order; nothing inside such an object again."""
    reading = Reading([], format="json", in_fields=True, newest_first=True)
    try:
        people = dict(_people(document))
        for item in _items(document, table, people):
            messages = list(_messages(item, table, people))
            reading.notes["items_without_text"] += not messages
            reading.notes["lines_without_speaker"] += sum(message.speaker is None for message in messages)
            reading.messages += messages
    except RecursionError:
        reading.messages.clear()
    if reading.messages:
        first = reading.messages[0]
        reading.first_line = f"{first.speaker.name if first.speaker else ''}: {first.content[:80]}"
    return reading


def _field_name(key: str) -> str:
    return _short_field_name(key) if len(key) <= _MAX_SPEAKER else key


@lru_cache(maxsize=1024)
def _short_field_name(key: str) -> str:
    return _SEPARATORS.sub("", key.lower())


def _fields(item: Mapping[str, Any]) -> dict[str, Any]:
    """The fields by name in lower case without separators; a message inside an envelope is unpacked."""
    fields = {_field_name(key): value for key, value in item.items()}
    if isinstance(arguments := fields.get("kwargs"), dict) and isinstance(path := fields.get("id"), list) and path:
        return {**{_field_name(key): value for key, value in arguments.items()}, "role": path[-1]}
    inner = fields.get("message")
    if isinstance(inner, dict) and any(_field_name(key) in TEXT for key in inner):
        fields = {**fields, **{_field_name(key): value for key, value in inner.items()}}
        if fields["message"] is inner:
            del fields["message"]
    return fields


def _items(document: Any, table: SpeakerTable, people: Mapping[str, str]) -> Iterator[Mapping[str, Any]]:
    """The objects that are messages, and in a list of messages every other object as well."""
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, list):
            value = [_pair_as_message(item, table) for item in value]
            found = [isinstance(item, dict) and _is_message(item, table, people) for item in value]
            has_messages = any(found)
            for item, is_message in zip(reversed(value), reversed(found), strict=True):
                if is_message or (has_messages and isinstance(item, dict) and _has_text(item)):
                    waiting.append(_Item(item))
                elif isinstance(item, (list, dict)):
                    waiting.append(item)
                    if has_messages:
                        waiting.append(_Item({}))  # counted as an entry that says nothing
        elif isinstance(value, _Item):
            yield value.fields
        elif isinstance(value, dict):
            if _is_message(value, table, people):
                yield value
            else:
                waiting += [inner for inner in reversed(value.values()) if isinstance(inner, (list, dict))]


def _pair_as_message(item: Any, table: SpeakerTable) -> Any:
    """``["user", "hi"]`` as an object."""
    if isinstance(item, list) and len(item) == 2 and all(isinstance(part, str) for part in item):
        speaker, content = item
        if len(speaker) <= _MAX_SPEAKER and table.find_field(speaker):
            return {"role": speaker, "content": content}
    return item


class _Item:
    __slots__ = ("fields",)

    def __init__(self, fields: Mapping[str, Any]) -> None:
        self.fields = fields


def _is_message(item: Mapping[str, Any], table: SpeakerTable, people: Mapping[str, str]) -> bool:
    fields = _fields(item)
    texts = _in_order(fields, TEXT)
    for name in texts:
        if isinstance(inner := fields[name], list) and any(
            isinstance(part, dict) and _is_message(part, table, people) for part in inner
        ):
            return False  # the envelope of a list of messages
    has_text = any(isinstance(fields[name], str) or _flat(fields[name]) for name in texts)
    return (has_text and _speaker(fields, table, people) is not None) or bool(_pairs(item, table))


def _in_order(fields: Mapping[str, Any], names: Mapping[str, int]) -> list[str]:
    """Those of ``names`` that ``fields`` has, the most telling first."""
    return sorted(fields.keys() & names.keys(), key=names.__getitem__)


def _has_text(item: Mapping[str, Any]) -> bool:
    fields = _fields(item)
    return any(_flat(fields[name]) for name in _in_order(fields, TEXT))


def _messages(item: Mapping[str, Any], table: SpeakerTable, people: Mapping[str, str]) -> Iterator[RawMessage]:
    fields = _fields(item)
    stamp = next((_stamp(fields[name]) for name in _in_order(fields, TIME) if fields[name] not in (None, "")), None)
    if pairs := _pairs(item, table):
        for label, content in pairs:
            yield RawMessage(Speaker(label), content, stamp)
        return
    speaker = _speaker(fields, table, people)
    content = next((flat for name in _in_order(fields, TEXT) if (flat := _flat(fields[name]).strip())), "")
    if is_html(content):
        content = html_to_text(content).strip()
    if content:
        yield RawMessage(None if speaker is None else Speaker(speaker), content, stamp)


def _pairs(item: Mapping[str, Any], table: SpeakerTable) -> list[tuple[str, str]]:
    """``{"user": "hi", "bot": "hello"}``: fields named like speakers or by what they say, for both sides or alone."""
    if not TEXT.keys().isdisjoint(map(_field_name, item)):
        return []
    pairs: list[tuple[str, str]] = []
    is_asked = any(PAIRED.get(_field_name(key)) == "user" for key in item)
    for key, value in item.items():
        known = len(key) <= _MAX_SPEAKER and table.find(Speaker(key), loosely=False)
        label = key if known else PAIRED.get(_field_name(key))
        if is_asked and _field_name(key) == "messages":
            label = "assistant"  # of a bot that answers in several messages without a speaker
        if label and (content := _said(value).strip()):
            pairs.append((label, content))
    if len(pairs) > 1 and any(_begins_with_messages(value, table) for value in item.values()):
        return []  # the names of who speaks in the messages beside
    return pairs if len(pairs) > 1 or (len(pairs) == len(item) == 1) else []


def _begins_with_messages(value: Any, table: SpeakerTable) -> bool:
    """Whether a list holds messages, by its first entries."""
    beginning = value[:_FIRST_ENTRIES] if isinstance(value, list) else []
    return any(isinstance(entry, dict) and _is_message(entry, table, {}) for entry in beginning)


def _said(value: Any, depth: int = 0) -> str:
    """The text of a question or an answer, also inside objects: ``{"queryInput": {"text": {"text": "hi"}}}``."""
    if isinstance(value, str) or depth == _MAX_DEPTH:
        return value if isinstance(value, str) else ""
    if isinstance(value, list):
        return "\n".join(filter(None, (_said(part, depth + 1) for part in value)))
    if isinstance(value, dict):
        fields = {_field_name(key): inner for key, inner in value.items()}
        names = (*TEXT, *PAIRED, *INSIDE)
        return next((said for name in names if name in fields and (said := _said(fields[name], depth + 1))), "")
    return ""


def _flat(value: Any, depth: int = 0) -> str:
    """The text of a content, which may be a list of parts."""
    if isinstance(value, str):
        return value
    if depth < 4 and isinstance(value, list):
        if any(isinstance(part, str) for part in value) and any(isinstance(part, dict) for part in value):
            return "".join(_flat(part, depth + 1) for part in value)  # runs of words, some of them formatted
        return "\n".join(filter(None, (_flat(part, depth + 1) for part in value)))
    if depth < 4 and isinstance(value, dict):
        fields = _fields(value)
        return next((flat for name in _in_order(fields, TEXT) if (flat := _flat(fields[name], depth + 1))), "")
    return ""


def _speaker(fields: Mapping[str, Any], table: SpeakerTable, people: Mapping[str, str]) -> str | None:
    """The word of the table that says who speaks, else the first name."""
    unknown: str | None = None
    for name in _in_order(fields, SPEAKER):
        if (value := fields[name]) is None:
            continue
        for word in _speaker_words(value, is_role=name.endswith("role")):
            known = people.get(word, word)
            if table.find_field(known):
                return known
            if unknown is None and name not in ONLY_KNOWN and known.strip() and name not in ("name", "user"):
                unknown = known
    for name, (yes, no) in SPEAKER_FLAGS.items():
        if isinstance(fields.get(name), bool):
            return yes if fields[name] else no
    if unknown is None:
        unknown = next((word for name in ("name", "user") for word in _speaker_words(fields.get(name))), None)
    return unknown


def _speaker_words(value: Any, *, is_role: bool = False) -> Iterator[str]:
    if isinstance(value, str) and value.strip() and len(value) <= _MAX_SPEAKER:
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield _ROLE_NUMBERS.get(value, str(value)) if is_role else str(value)
    elif isinstance(value, dict):
        fields = {_field_name(key): inner for key, inner in value.items()}
        if fields.get("bot") is True or fields.get("isbot") is True or isinstance(fields.get("application"), dict):
            yield "bot"
        for name in ("role", "type", "kind", "name", "displayname", "id"):
            inner = fields.get(name)
            if not isinstance(inner, dict):
                yield from _speaker_words(inner, is_role=name == "role")
        if isinstance(person := fields.get("user"), dict) and "user" not in person:
            yield from _speaker_words(person)


def _people(document: Any) -> Iterator[tuple[str, str]]:
    """Who is behind an id, where the document lists its participants apart from what they say."""
    waiting: list[Any] = [document]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            for key, inner in value.items():
                if key.lower() in ("users", "participants", "members", "actors") and isinstance(inner, list):
                    yield from _listed(inner)
                elif isinstance(inner, (dict, list)):
                    waiting.append(inner)
        elif isinstance(value, list):
            waiting += [inner for inner in value if isinstance(inner, (dict, list))]


def _listed(people: list[Any]) -> Iterator[tuple[str, str]]:
    for person in people:
        if isinstance(person, dict):
            fields = {_field_name(key): value for key, value in person.items()}
            key = fields.get("id") or fields.get("userid") or fields.get("participantid")
            role = fields.get("role") or fields.get("type") or fields.get("purpose") or fields.get("name")
            if isinstance(key, str) and isinstance(role, str):
                yield key, role


def _stamp(value: Any) -> Stamp:
    if isinstance(value, str):
        value = value.strip()
        if _WHOLE_STAMP.fullmatch(value):
            return read_stamp(value)
        if not _NUMBER.fullmatch(value):
            return UNREADABLE
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return UNREADABLE
    try:
        seconds = float(value)
        while abs(seconds) > 1e11:  # milliseconds, microseconds, nanoseconds
            seconds /= 1000
        return at_instant(datetime.fromtimestamp(seconds, UTC))
    except (ValueError, OverflowError, OSError):
        return UNREADABLE

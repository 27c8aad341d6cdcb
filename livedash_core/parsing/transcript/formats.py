"""Recognise the format of a transcript's text, and let its reader read it."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from livedash_core.parsing.transcript import (
    html_text,
    json_documents,
    json_messages,
    labels,
    other_layouts,
    plain_text,
    tables,
    webvtt,
)
from livedash_core.parsing.transcript.messages import Reading
from livedash_core.parsing.transcript.speakers import SpeakerTable

_ESCAPED_LINE_END = re.compile(r"(?:\\r)?\\n|\\r(?=\s*\w)")
#: Ways to show HTML and XML in which elements are set apart, or attributes name who speaks.
_OTHER_WAYS: tuple[dict[str, Any], ...] = ({}, {"inline": "  "}, {"with_names": True}, {"inline": "\n"})
#: Fewer lines than this may be one conversation that lost its line ends.
_FEW_LINES = 3


def read_format(text: str, table: SpeakerTable, started_at: datetime | None, messages_sent: int | None) -> Reading:
    """Read the format that the text is in."""
    if webvtt.is_webvtt(text):
        return webvtt.read_webvtt(text, started_at, table)
    if json_documents.may_be_json(text):
        try:
            document = json_documents.load_json(text)
        except json_documents.NotJson:
            pass
        else:
            if isinstance(document, str):
                return read_format(document, table, started_at, messages_sent)
            reading = json_messages.read_json(document, table)
            if reading.messages:
                return reading
            inside = plain_text.read_plain_text(json_documents.text_inside(document), table, messages_sent)
            if _speaking(inside) > 1:
                inside.format = "json"
                return inside
    if is_html(text, table):
        return _read_html(text, table, messages_sent)
    text = _with_line_ends(_without_quotes(text), table)
    reading = plain_text.read_plain_text(text, table, messages_sent)
    if not has_both_sides(reading, table) and (other := _read_other_layouts(text, table, messages_sent)):
        return other
    if html_text.has_line_breaks(text):
        as_html = _read_html(text, table, messages_sent)
        if _speaking(as_html) > _speaking(reading) or (
            html_text.ends_lines_with_tags(text) and _speaking(as_html) == _speaking(reading)
        ):
            return as_html
    return reading


def _read_html(text: str, table: SpeakerTable, messages_sent: int | None) -> Reading:
    shown = html_text.html_to_text(text)
    reading = plain_text.read_plain_text(shown, table, messages_sent)
    if not _speaking(reading):
        # A speaker in an element of its own has no colon behind it.
        reading = plain_text.read_plain_text(labels.with_colons(shown, table), table, messages_sent)
    if not has_both_sides(reading, table):
        for how in _OTHER_WAYS:
            other = html_text.html_to_text(text, **how)
            found = plain_text.read_plain_text(other, table, messages_sent)
            if not has_both_sides(found, table):
                found = _read_other_layouts(other, table, messages_sent) or reading
            if found is not reading:
                reading = found
                break
    reading.format = "html"
    return reading


def _read_other_layouts(text: str, table: SpeakerTable, messages_sent: int | None) -> Reading | None:
    """Read a table, or text whose speakers have no colon behind them; None if that does not make both sides speak."""
    if rows := tables.rows_of(text):
        reading = json_messages.read_json(rows, table)
        reading.format = "table"
        if has_both_sides(reading, table):
            return reading
    for written in other_layouts.rewritten(text, table):
        reading = plain_text.read_plain_text(written, table, messages_sent)
        if has_both_sides(reading, table):
            return reading
    return None


def is_html(text: str, table: SpeakerTable) -> bool:
    """Whether ``text`` is markup, and not lines that begin with ``<user>``."""
    return html_text.is_html(text) and not labels.begins_with_tagged_speaker(text, table)


def has_both_sides(reading: Reading, table: SpeakerTable) -> bool:
    """Whether a user and an assistant speak in it."""
    speakers = (message.speaker for message in reading.messages if message.speaker is not None)
    return {"User", "Assistant"} <= set(table.resolve(speakers, in_fields=reading.in_fields).roles.values())


def _speaking(reading: Reading) -> int:
    return sum(message.speaker is not None for message in reading.messages)


def _without_quotes(text: str) -> str:
    """The text inside a quoted cell that was copied with its quotes."""
    stripped = text.strip()
    if len(stripped) > 2 and stripped[0] == stripped[-1] == '"' and '"' not in stripped[1:-1].replace('""', ""):
        return stripped[1:-1].replace('""', '"')
    return text


def _with_line_ends(text: str, table: SpeakerTable) -> str:
    """``\\n`` written as two characters becomes a line end where that makes speakers begin lines."""
    if "\\n" not in text or text.count("\n") > max(_FEW_LINES, text.count("\\n")):
        return text
    unescaped = _ESCAPED_LINE_END.sub("\n", text)
    before, after = (sum(_is_known(line, table) for line in candidate.split("\n")) for candidate in (text, unescaped))
    return unescaped if after > before else text


def _is_known(line: str, table: SpeakerTable) -> bool:
    label = labels.label_of_line(line, table)
    return label is not None and (label.is_known or label.is_timed)

"""What the notes of a transcript say, in words; not in the package ``transcript``, which is slow to import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from livedash_core.enums import TRANSCRIPT_DOUBTS

#: Note → what it counts, in the plural.
_COUNTED = {
    "unknown_speakers": "speakers whose role is unknown; what they said is kept as System messages",
    "assumed_speakers": "speakers whose role was taken from the other side's",
    "role_lines_inside_messages": "lines that look like a speaker were left inside a message",
    "lines_split": "messages that begin in the middle of a line",
    "lines_without_speaker": "lines with a time and without a speaker, kept as System messages",
    "labels_without_text": "lines with a speaker and without text",
    "items_without_text": "entries without text",
    "times_unreadable": "times that no clock shows",
    "times_ambiguous": "times whose day and month cannot be told apart",
    "times_out_of_order": "times before the one above",
    "times_far_from_session": "times more than 30 days from the session",
    "escapes_kept": "line ends and tabs written as two characters, such as \\n, were left as they are",
    "characters_replaced": "characters that could not be decoded",
    "nul_characters": "NUL characters that were removed",
    "earlier_lines": "earlier lines of the CSV with the same id",
}
_FORMATS = {"json": "JSON", "html": "HTML", "table": "a table", "vtt": "WebVTT or SubRip captions"}


def in_words(notes: Mapping[str, Any] | None) -> list[str]:
    """A phrase for each note of a stage; other metadata has none. Speakers and counts of messages come first."""
    notes = notes or {}
    order = [*TRANSCRIPT_DOUBTS, *(name for name in notes if name not in TRANSCRIPT_DOUBTS)]
    return [phrase for name in order if name in notes and (phrase := _phrase(name, notes[name]))]


def _phrase(name: str, value: Any) -> str | None:
    if name == "message_count_differs":
        return f"the CSV counts {value} messages, which the transcript does not have"
    if name == "order_reversed":
        return "the newest message stands first in the file"
    if name == "format":
        return f"read as {_FORMATS[value]}" if value in _FORMATS else None
    if name == "transcript_url_blanked":
        return "the CSV has no transcript URL any more; the transcript that was fetched is kept"
    if name in _COUNTED and isinstance(value, int):
        return f"{value:,} {_COUNTED[name]}"
    return None

"""Messages in plain text: lines that begin with a time, a speaker, or both; other lines continue the message above."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from livedash_core.parsing.transcript.contract import BARE_TIMES
from livedash_core.parsing.transcript.labels import Label
from livedash_core.parsing.transcript.message_starts import message_starts
from livedash_core.parsing.transcript.messages import RawMessage, Reading
from livedash_core.parsing.transcript.speakers import Speaker, SpeakerTable
from livedash_core.parsing.transcript.text_lines import (
    Line,
    is_conversation,
    lines_of,
    only_one_line_speaks,
    split_inside_lines,
)


def read_plain_text(text: str, table: SpeakerTable, expected_messages: int | None = None) -> Reading:
    """Read lines of any of the known forms.

    In a text whose first message carries a time, and another one too, only lines with a time begin a message: a
    ``User: jdoe`` in a pasted form stays in its message. ``expected_messages``, the number that the session's row
    tells, decides where two ways of reading are possible.
    """
    lines = lines_of(text, table)
    reading = Reading([], first_line=next((line.text.strip() for line in lines if line.text.strip()), ""))
    if only_one_line_speaks(lines, table):
        split, count = split_inside_lines(lines, table)
        if count and is_conversation(split, count, expected_messages):
            lines = split
            reading.notes["lines_split"] = count
    starts = message_starts(lines, reading.notes, expected_messages)
    reading.messages = _messages(lines, starts, reading.notes)
    begun = (lines[position].label for position in starts)
    reading.notes["lines_without_speaker"] = sum(label is not None and label.speaker is None for label in begun)
    return reading


def _messages(lines: Sequence[Line], starts: frozenset[int], notes: Counter[str]) -> list[RawMessage]:
    messages: list[RawMessage] = []
    label: Label | None = None
    content: list[str] = []
    for position, line in enumerate(lines):
        if position in starts and line.label is not None:
            _end_message(messages, label, content, notes)
            label, content = line.label, [line.text[line.label.end :]]
        elif content or not BARE_TIMES.fullmatch(line.text.strip()):  # times above all text say nothing
            content += [line.separator if content else "", line.text]
    _end_message(messages, label, content, notes)
    return messages


def _end_message(messages: list[RawMessage], label: Label | None, content: list[str], notes: Counter[str]) -> None:
    if words := "".join(content).strip():
        messages.append(RawMessage(label.speaker if label else None, words, label.stamp if label else None))
    elif label is not None and label.stamp is not None and label.stamp.is_impossible:
        notes["times_unreadable"] += 1
    elif label is not None and label.speaker is not None:
        # "User:" alone says nothing, a name or a time does.
        is_bare = label.is_known and label.stamp is None and not label.speaker.detail
        notes["labels_without_text"] += not is_bare


def first_line_of(reading: Reading, speaker: Speaker) -> str:
    """The first line of a speaker, for an error message."""
    return next(
        f"{message.speaker.name}: {message.content}"
        for message in reading.messages
        if message.speaker == speaker and message.speaker
    )

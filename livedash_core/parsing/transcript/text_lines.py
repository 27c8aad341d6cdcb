"""The lines of plain text with the speakers that begin them; also lines that are written without line ends."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from livedash_core.parsing.transcript.labels import Label, label_of_line
from livedash_core.parsing.transcript.speakers import Speaker, SpeakerTable

#: Characters besides a line feed that end a line for some programs. They end one here only in front of a speaker.
OTHER_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_OTHER_LINE_END = re.compile(f"([{OTHER_LINE_ENDS}])")
#: A time and a name in the middle of a line; short lines are remembered.
_MAX_INNER_LABEL = 120


@dataclass(slots=True)
class Line:
    """A line with what ended the one before it."""

    separator: str
    text: str
    label: Label | None = None


def physical_lines(text: str) -> list[str]:
    """The lines between line feeds and carriage returns."""
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def lines_of(text: str, table: SpeakerTable) -> list[Line]:
    """The lines of ``text``, each with its speaker; other characters end a line where a speaker follows."""
    lines: list[Line] = []
    has_other_ends = any(character in text for character in OTHER_LINE_ENDS)
    separator = ""
    for physical in physical_lines(text):
        if not physical:
            separator += "\n"  # blank lines go with the line below
            continue
        pieces = _OTHER_LINE_END.split(physical) if has_other_ends else [physical]
        label = label_of_line(pieces[0], table)
        begun = pieces[:1]
        for end, piece in zip(pieces[1::2], pieces[2::2], strict=True):
            inner = label_of_line(piece, table)
            if inner is not None and inner.is_known and not inner.is_weak:
                lines.append(Line(separator, "".join(begun), label))
                separator, label, begun = end, inner, [piece]
            else:
                begun += [end, piece]
        lines.append(Line(separator, "".join(begun), label))
        separator = "\n"
    return lines


def only_one_line_speaks(lines: Sequence[Line], table: SpeakerTable) -> bool:
    """Whether at most one of the two sides begins a line."""
    speakers: set[Speaker | None] = set()
    for line in lines:
        label = line.label
        if label is None:
            continue
        if label.found is None:
            if label.stamp is not None:
                return False
        elif not label.is_weak:
            speakers.add(label.speaker)
    return len({table.find(speaker, loosely=True) for speaker in speakers if speaker is not None} - {"System"}) == 1


def split_inside_lines(lines: Sequence[Line], table: SpeakerTable) -> tuple[list[Line], int]:
    """The same lines, split in front of the roles inside them, where these are written as at the lines' beginning.

    One side alone begins lines here: ``User: hi Assistant: hello User: thanks`` is a conversation on one line.
    """
    split: list[Line] = []
    count = 0
    for line in lines:
        label = line.label
        if label is None or not label.is_known or label.speaker is None:
            split.append(line)
            continue
        begin = 0
        separator = line.separator
        begun: Label | None = label
        for match in _INSIDE.finditer(line.text, label.end):
            inner = label_of_line(line.text[match.end(1) : match.end(1) + _MAX_INNER_LABEL], table)
            is_like = (
                inner is not None
                and inner.is_known
                and not inner.is_weak
                and inner.speaker is not None
                and inner.is_timed == label.is_timed
                and inner.speaker.name[:1].isupper() == label.speaker.name[:1].isupper()
            )
            if is_like:
                split.append(_piece(separator, line.text[begin : match.start(1)], begun, table))
                begin, separator, begun = match.end(1), match[1], inner
                count += 1
        split.append(_piece(separator, line.text[begin:], begun, table))
    return split, count


def _piece(separator: str, text: str, label: Label | None, table: SpeakerTable) -> Line:
    """A part of a line. Its label was read with what follows it, on which only a time behind the name depends."""
    if label is None or label.layout == "behind" or label.end > len(text):
        label = label_of_line(text, table)
    return Line(separator, text, label)


def is_conversation(split: Sequence[Line], count: int, expected_messages: int | None) -> bool:
    """Whether lines split inside are a conversation, and not an answer that says "User: your number"."""
    labels = [line.label for line in split if line.label is not None and line.label.is_known]
    if expected_messages is not None and count == 1:
        return expected_messages >= len(labels)
    return count > 1 or labels[0].side == "User"


_INSIDE = re.compile(
    r"([ \t\u00a0]{1,4}|(?<=[.!?]))"
    r"(?=[*_]{0,3}(?:[\[(]?\d[^\]\n]{4,40}[\])][ \t]?)?[*_]{0,3}"
    r"[^\W\d_][\w.-]{0,24}[ \t\u00a0]?(?:[\w.-]{1,24}[ \t\u00a0]?)?[:：])"
)

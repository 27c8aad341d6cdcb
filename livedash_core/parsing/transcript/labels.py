"""The beginning of a line of plain text as a speaker, with the time in front of it or behind."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from livedash_core.parsing.stamps import STAMP, UNREADABLE, Stamp, read_stamp
from livedash_core.parsing.transcript.speakers import EMPLOYEE, MARKS, Speaker, SpeakerTable, label_key

FLAGS = re.ASCII | re.IGNORECASE
GAP = rf"[ \t\u00a0\u202f{MARKS}]*"

_DECORATION = re.compile(r"(?:[-*+•–—>|][ \t]+|>+[ \t]?|\d{1,4}[.)][ \t]+|\[\d{1,4}\][ \t]*|#{1,6}[ \t]+|\"(?=\w))*")
_BRACKETED = re.compile(
    rf"[*_`]{{0,3}}([\[(<])[*_`]{{0,3}}{GAP}({STAMP}){GAP}[*_`]{{0,3}}[\])>][*_`]{{0,3}}(?:{GAP}(?:[-–—|:,]{GAP})?)",
    FLAGS,
)
_BRACKETED_OTHER = re.compile(rf"\[\d[^\]\n]{{4,40}}\]{GAP}", re.ASCII)
_BARE = re.compile(rf"({STAMP}){GAP}(?:[-–—|,:;]{GAP})?", FLAGS)
_LABEL = re.compile(
    r"([^:：\t\n(\[]{1,60}?)[ \t\u00a0\u202f]{0,8}(?:[(\[]([^)\]\n]{1,60})[)\]][*_` \t\u00a0\u202f]*)?([:：\t])"
)
_TIME_AT_END = re.compile(rf"(?<=[ \t\u00a0])({STAMP})$", FLAGS)
#: ``User<tab>10:05<tab>hi``, ``User | 10:05 | hi``, ``User 10:05 hi``
_NAME_AND_TIME = re.compile(
    rf"([^\W\d_][^:：\t\n(\[|;0-9]{{0,59}}?)(?:[ \u00a0]{{0,3}}[\t|;,–—-][ \u00a0]{{0,3}}|[ \u00a0]{{1,3}})({STAMP})"
    r"(?:[ \u00a0]{0,3}[\t|;,–—-][ \u00a0]{0,3}|[ \u00a0]{1,3})(?=\S)",
    re.IGNORECASE,
)
_NAME_BEFORE_TIME = re.compile(r"[^:：\t\n(\[]{1,60}")
_HEADING = re.compile(r"(?:#{1,6}[ \t]+|(?=[*_]{2,3}\w))([*_]{0,3})(\w[\w .-]{0,40})\1[ \t]*$")
_EMPHASIS = re.compile(r"[*_`]{1,3}")
_DIGIT = re.compile("[0-9]")
_TAGGED_SPEAKER = re.compile(r"\s*<(\w[\w .-]{0,40})>")
_SIMPLE = re.compile(r"([A-Za-z]+(?: [A-Za-z]+){0,3}):|([A-Za-z]+[0-9]+):(?=\s|$)")
_MAX_LABEL_LINE = 160
_HEADING_MARKS = ("#", "*", "_")
_SPACES = " \t\u00a0\u202f"


class Label(NamedTuple):
    """The beginning of a line as a speaker: what it says, where the words begin, and how sure it is.

    ``found`` is what the table has for the speaker.
    """

    speaker: Speaker | None
    end: int
    stamp: Stamp | None = None
    layout: str = ""
    found: str | None = None
    is_weak: bool = False

    @property
    def is_known(self) -> bool:
        """Whether the table has the speaker."""
        return self.found is not None

    @property
    def side(self) -> str | None:
        """User, Assistant or System; None without a known speaker. An employee counts as the asking side."""
        return "User" if self.found == EMPLOYEE else self.found

    @property
    def is_timed(self) -> bool:
        """Whether a time stands with the speaker."""
        return self.stamp is not None


def label_of_line(line: str, table: SpeakerTable) -> Label | None:
    """The speaker at the beginning of a line, and the time before or behind; None where neither is."""
    if ":" not in line and "\t" not in line and "：" not in line and line.lstrip()[:1] not in _HEADING_MARKS:
        return None  # nearly all lines that continue a message
    return _read_label(line, table) if len(line) > _MAX_LABEL_LINE else _read_short_label(line, table)


@lru_cache(maxsize=2048)
def _read_short_label(line: str, table: SpeakerTable) -> Label | None:
    """Remembered: a text is looked through more than once, and short lines come again."""
    return _read_label(line, table)


def _read_label(line: str, table: SpeakerTable) -> Label | None:
    if simple := _SIMPLE.match(line):
        # Nothing but letters and a colon, or a number before white space: no time, no marks. The quick way for most.
        speaker, end = Speaker(simple[1] or simple[2]), simple.end()
        found = table.find(speaker, loosely=False)
        if line.startswith("//", end) or (found is None and end < len(line) and not line[end].isspace()):
            return None
        return Label(speaker, end, found=found, is_weak=found is not None and table.is_weak(speaker))
    begin = len(line) - len(line.lstrip(_SPACES + _MARKS_TO_STRIP))
    stamp, layout, position = _leading_time(line, begin)
    decorated = ""
    if not layout and (decoration := _DECORATION.match(line, begin)):
        decorated = decoration[0].strip(' "')
        stamp, layout, position = _leading_time(line, decoration.end())
    if (
        not layout
        and _DIGIT.search(line, position, position + _MAX_LABEL_LINE)
        and (label := _behind_label(line, position, table) or _in_cells(line, position, table))
    ):
        return label
    while position < len(line) and line[position] in _MARKS_AND_TILDE:
        position += 1
    label = _named(line, position, stamp, layout, table)
    if label is None:
        return _heading(line, table) or (Label(None, position, stamp, layout) if layout == "bracket" else None)
    is_list_item = bool(decorated) and not decorated.startswith(("#", "["))
    return label._replace(is_weak=True) if is_list_item and not layout else label


_MARKS_TO_STRIP = "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u061c\ufeff"
_MARKS_AND_TILDE = frozenset(_MARKS_TO_STRIP + "~" + _SPACES)


def _leading_time(line: str, position: int) -> tuple[Stamp | None, str, int]:
    if not _DIGIT.search(line, position, position + _MAX_LABEL_LINE // 4):
        return None, "", position
    if match := _BRACKETED.match(line, position):
        return read_stamp(match[2]), "bracket", match.end()
    if match := _BARE.match(line, position):
        return read_stamp(match[1]), "bare", match.end()
    if match := _BRACKETED_OTHER.match(line, position):
        return UNREADABLE, "other", match.end()
    return None, "", position


def _named(line: str, position: int, stamp: Stamp | None, layout: str, table: SpeakerTable) -> Label | None:
    match = _LABEL.match(line, position)
    if match is None or line.startswith("//", match.end()):
        return None
    name = match[1].strip(_SPACES + _MARKS_TO_STRIP)
    detail = (match[2] or "").strip()
    emphasis = _EMPHASIS.match(name)
    end = match.end()
    if emphasis and (closing := _EMPHASIS.match(line, end)):
        end = closing.end()
    name = name.strip("*_`~ \u00a0")
    if not any(character.isalnum() for character in name):
        return None
    if detail and stamp is None and (behind := _time_in(detail)):
        stamp, layout, detail = behind, "behind", ""
    speaker = Speaker(name, detail)
    found = table.find(speaker, loosely=bool(layout))
    if found is None and (match[3] == "\t" or (not line[end : end + 1].isspace() and end < len(line))):
        return None  # 10:05, C:\\Users
    if found is not None and name[-1].isdigit() and line[end : end + 1].isdigit():
        return None  # User - 10:05
    if found is None and layout in ("", "other", "behind"):
        # Without a time that can be read, a name that the table lacks is a word with a colon.
        return None if layout else Label(speaker, end)
    if found is None and layout == "bare" and (stamp is None or stamp.year is None):
        return None
    is_weak = found is not None and not layout and table.is_weak(speaker)
    return Label(speaker, end, stamp, layout, found, is_weak)


def _time_in(detail: str) -> Stamp | None:
    return read_stamp(detail.strip()) if re.fullmatch(STAMP, detail.strip(), FLAGS) else None


def _behind_label(line: str, position: int, table: SpeakerTable) -> Label | None:
    """``Lisa  10:05 AM`` alone on its line, or ``User, 10.11.2026 10:05:`` in front of words below."""
    if len(line) - position > _MAX_LABEL_LINE:
        return None
    # Two steps: one pattern for name and time takes cubic time for a line of spaces.
    beginning = line[position:].rstrip("*_`:：" + _SPACES + _MARKS_TO_STRIP)
    match = _TIME_AT_END.search(beginning)
    if match is None or not _NAME_BEFORE_TIME.fullmatch(name := beginning[: match.start()].rstrip(" \t\u00a0,|–—-")):
        return None
    speaker = Speaker(name.strip("*_`~, \u00a0"))
    found = table.find(speaker, loosely=True)
    return None if found is None else Label(speaker, len(line), read_stamp(match[1]), "behind", found)


def _in_cells(line: str, position: int, table: SpeakerTable) -> Label | None:
    """A speaker, a time and the words, with a separator or a space between them.

    A name that the table lacks is a speaker between tabs or bars only.
    """
    match = _NAME_AND_TIME.match(line, position)
    if match is None:
        return None
    speaker = Speaker(match[1].strip("*_`~, \u00a0"))
    found = table.find(speaker, loosely=False)
    is_cell = line[match.end(1) : match.start(2)].strip(" \u00a0") in ("\t", "|")
    is_cell = is_cell and line[match.end(2) : match.end()].strip(" \u00a0") in ("\t", "|")
    if not is_cell and (found is None or table.is_weak(speaker)):
        return None
    return Label(speaker, match.end(), read_stamp(match[2]), "behind", found)


def _heading(line: str, table: SpeakerTable) -> Label | None:
    """``### User`` or ``**User**`` alone on its line."""
    if len(line) <= 80 and (match := _HEADING.match(line.strip())):
        speaker = Speaker(match[2].strip())
        if (found := table.find(speaker, loosely=False)) and not table.is_weak(speaker):
            return Label(speaker, len(line), found=found)
    return None


def with_colons(text: str, table: SpeakerTable) -> str:
    """A colon behind each line that is a speaker and nothing else, if both sides have such lines."""
    lines = text.split("\n")
    roles = {
        position: role
        for position, line in enumerate(lines)
        if 0 < len(line) <= 40
        and (role := table.find(Speaker(line.strip()), loosely=False))
        and not table.is_weak(Speaker(line.strip()))
    }
    if len({"User" if role == "employee" else role for role in roles.values()} & {"User", "Assistant"}) < 2:
        return text
    return "\n".join(f"{line}:" if position in roles else line for position, line in enumerate(lines))


def has_labels(text: str, table: SpeakerTable) -> bool:
    """Whether lines of ``text`` begin with at least two different names and colons: speakers that no table has."""
    labels = (label_of_line(line, table) for line in text.split("\n"))
    names = {label_key(label.speaker.name) for label in labels if label is not None and label.speaker is not None}
    return len(names) > 1


def begins_with_tagged_speaker(text: str, table: SpeakerTable) -> bool:
    """Whether ``text`` begins with ``<user>`` or another speaker in such brackets that are not closed as a tag is."""
    match = _TAGGED_SPEAKER.match(text)
    return (
        match is not None and table.find(Speaker(match[1]), loosely=False) is not None and f"</{match[1]}" not in text
    )

"""Messages in plain text: lines that begin with a time, a speaker, or both; other lines continue the message above."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from livedash_core.enums import ROLES, Role
from livedash_core.parsing.transcript.messages import RawMessage, Reading
from livedash_core.parsing.transcript.speakers import MARKS, Speaker, SpeakerTable, label_key
from livedash_core.parsing.transcript.stamps import STAMP, UNREADABLE, Stamp, read_stamp

#: Characters besides a line feed that end a line for some programs. They end one here only in front of a speaker.
OTHER_LINE_ENDS = "\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_OTHER_LINE_END = re.compile(f"([{OTHER_LINE_ENDS}])")
_FLAGS = re.ASCII | re.IGNORECASE
_TIME = r"\[(\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d)\]"
_GAP = rf"[ \t\u00a0\u202f{MARKS}]*"
# ASCII: without it, IGNORECASE takes "U\u017fer" for "User".
_CONTRACT_LINE = re.compile(rf"{_GAP}(?:{_TIME}{_GAP})?({'|'.join(ROLES)})[{MARKS}]*:(?!//)", _FLAGS)
_BARE_TIMES = re.compile(rf"{_GAP}({_TIME}{_GAP})?", re.ASCII)

_DECORATION = re.compile(r"(?:[-*+•–—>|][ \t]+|>+[ \t]?|\d{1,4}[.)][ \t]+|\[\d{1,4}\][ \t]*|#{1,6}[ \t]+|\"(?=\w))*")
_BRACKETED = re.compile(
    rf"[*_`]{{0,3}}([\[(<])[*_`]{{0,3}}{_GAP}({STAMP}){_GAP}[*_`]{{0,3}}[\])>][*_`]{{0,3}}(?:{_GAP}(?:[-–—|:,]{_GAP})?)",
    _FLAGS,
)
_BRACKETED_OTHER = re.compile(rf"\[\d[^\]\n]{{4,40}}\]{_GAP}", re.ASCII)
_BARE = re.compile(rf"({STAMP}){_GAP}(?:[-–—|,:;]{_GAP})?", _FLAGS)
_LABEL = re.compile(
    r"([^:：\t\n(\[]{1,60}?)[ \t\u00a0\u202f]{0,8}(?:[(\[]([^)\]\n]{1,60})[)\]][*_` \t\u00a0\u202f]*)?([:：\t])"
)
_TIME_AT_END = re.compile(rf"(?<=[ \t\u00a0])({STAMP})$", _FLAGS)
_NAME_BEFORE_TIME = re.compile(r"[^:：\t\n(\[]{1,60}")
_HEADING = re.compile(r"(?:#{1,6}[ \t]+|(?=[*_]{2,3}\w))([*_]{0,3})(\w[\w .-]{0,40})\1[ \t]*$")
_EMPHASIS = re.compile(r"[*_`]{1,3}")
_DIGIT = re.compile("[0-9]")
_MAX_LABEL_LINE = 160
#: A time and a name in the middle of a line; short lines are remembered.
_MAX_INNER_LABEL = 120
_HEADING_MARKS = ("#", "*", "_")
_FENCE = "```"
_SPACES = " \t\u00a0\u202f"
#: Words that begin lines of an answer or a form again and again without being a speaker.
_FORM_WORDS_TEXT = """
aan, achtung, address, adres, adresse, an, asunto, attention, beispiel, belangrijk, betreff, bijvoorbeeld, cc,
date, datum, e-mail, ejemplo, email, example, exemple, fecha, for, from, hinweis, http, https, important, let,
link, naam, name, nb, nom, nombre, nota, note, objet, onderwerp, op, opmerking, paso, phone, ps, re, remarque,
schritt, stap, step, subject, tel, telefon, telefoon, tip, to, url, van, von, voorbeeld, waarschuwing, warning,
wichtig, étape
"""
_FORM_WORDS = frozenset(word.strip() for word in _FORM_WORDS_TEXT.split(","))


class Label(NamedTuple):
    """The beginning of a line as a speaker: what it says, where the words begin, and how sure it is."""

    speaker: Speaker | None
    end: int
    stamp: Stamp | None = None
    layout: str = ""
    is_known: bool = False
    is_weak: bool = False

    @property
    def is_timed(self) -> bool:
        """Whether a time stands with the speaker."""
        return self.stamp is not None


@dataclass(slots=True)
class _Line:
    """A line with what ended the one before it."""

    separator: str
    text: str
    label: Label | None = None


def begins_message(text: str) -> bool:
    """Whether a line of the contract (``User: ...``) is in ``text``: a quick look."""
    return any(map(_CONTRACT_LINE.match, _physical_lines(text)))


def is_blank(text: str) -> bool:
    """Whether ``text`` is nothing but white space and times."""
    return not text.strip() or all(_BARE_TIMES.fullmatch(line.strip()) for line in _physical_lines(text))


def _physical_lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def read_ordinary(text: str, table: SpeakerTable) -> list[tuple[Role, str, str | None]] | None:
    """Role, content and written time of each message of a text in which nothing needs a second look; else None.

    All messages begin with User, Assistant or System, all with a time of the contract or none, and both sides speak.
    It gives what ``read_plain_text`` gives, several times as fast.
    """
    messages: list[tuple[Role, str, str | None]] = []
    role: Role | None = None
    stamp: str | None = None
    lines: list[str] = []
    names: set[Speaker | None] = set()
    timed = starts = 0
    for line in text.split("\n"):
        if start := _CONTRACT_LINE.match(line):
            if role is None:
                if lines:
                    return None
            elif content := "\n".join(lines).strip():
                messages.append((role, content, stamp))
            elif stamp:
                return None
            stamp, word = start.groups()
            role = _ROLES[word.lower()]
            starts += 1
            timed += stamp is not None
            lines = [line[start.end() :]]
        elif lines or not _BARE_TIMES.fullmatch(line.strip()):
            if line and (label := label_of_line(line, table)) is not None:
                # A name that comes back may be a speaker.
                if label.is_known or label.is_timed or label.speaker in names:
                    return None
                names.add(label.speaker)
            lines.append(line)
    if role is not None and (content := "\n".join(lines).strip()):
        messages.append((role, content, stamp))
    elif stamp:
        return None
    if timed not in (0, starts) or not {"User", "Assistant"} <= {role for role, _, _ in messages}:
        return None
    if any(characters in text for characters in _NEEDS_SECOND_LOOK):
        return None
    return messages


_ROLES: dict[str, Role] = {role.lower(): role for role in ROLES}
_NEEDS_SECOND_LOOK = ("<", "\\n", _FENCE, *OTHER_LINE_ENDS)


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
    begin = len(line) - len(line.lstrip(_SPACES + _MARKS_TO_STRIP))
    stamp, layout, position = _leading_time(line, begin)
    decorated = ""
    if not layout and (decoration := _DECORATION.match(line, begin)):
        decorated = decoration[0].strip(' "')
        stamp, layout, position = _leading_time(line, decoration.end())
    if (
        not layout
        and _DIGIT.search(line, position, position + _MAX_LABEL_LINE)
        and (label := _behind_label(line, position, table))
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
    known = table.find(speaker, loosely=bool(layout))
    if known is None and (match[3] == "\t" or (not line[end : end + 1].isspace() and end < len(line))):
        return None  # 10:05, C:\\Users
    if known is None and layout in ("", "other", "behind"):
        # Without a time that can be read, a name that the table lacks is a word with a colon.
        return None if layout else Label(speaker, end)
    if known is None and layout == "bare" and (stamp is None or stamp.year is None):
        return None
    is_weak = known is not None and not layout and table.is_weak(speaker)
    return Label(speaker, end, stamp, layout, known is not None, is_weak)


def _time_in(detail: str) -> Stamp | None:
    return read_stamp(detail.strip()) if re.fullmatch(STAMP, detail.strip(), _FLAGS) else None


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
    if table.find(speaker, loosely=True) is None:
        return None
    return Label(speaker, len(line), read_stamp(match[1]), "behind", is_known=True)


def _heading(line: str, table: SpeakerTable) -> Label | None:
    """``### User`` or ``**User**`` alone on its line."""
    if len(line) <= 80 and (match := _HEADING.match(line.strip())):
        speaker = Speaker(match[2].strip())
        if table.find(speaker, loosely=False) and not table.is_weak(speaker):
            return Label(speaker, len(line), is_known=True)
    return None


def read_plain_text(text: str, table: SpeakerTable, expected_messages: int | None = None) -> Reading:
    """Read lines of any of the known forms.

    In a text whose first message carries a time, and another one too, only lines with a time begin a message: a
    ``User: jdoe`` in a pasted form stays in its message. ``expected_messages``, the number that the session's row
    tells, decides where two ways of reading are possible.
    """
    lines = _lines_of(text, table)
    reading = Reading([], first_line=next((line.text.strip() for line in lines if line.text.strip()), ""))
    if _only_one_line_speaks(lines, table):
        split, count = _split_inside_lines(lines, table)
        if count and _is_conversation(split, table, count, expected_messages):
            lines = split
            reading.notes["lines_split"] = count
    starts = _starts(lines, table, reading.notes, expected_messages)
    reading.messages = _messages(lines, starts, reading.notes)
    reading.notes["lines_without_speaker"] = sum(
        line.label is not None and line.label.speaker is None
        for position, line in enumerate(lines)
        if position in starts
    )
    return reading


def _lines_of(text: str, table: SpeakerTable) -> list[_Line]:
    lines: list[_Line] = []
    has_other_ends = any(character in text for character in OTHER_LINE_ENDS)
    separator = ""
    for physical in _physical_lines(text):
        if not physical:
            separator += "\n"  # blank lines go with the line below
            continue
        pieces = _OTHER_LINE_END.split(physical) if has_other_ends else [physical]
        label = label_of_line(pieces[0], table)
        begun = pieces[:1]
        for end, piece in zip(pieces[1::2], pieces[2::2], strict=True):
            inner = label_of_line(piece, table)
            if inner is not None and inner.is_known and not inner.is_weak:
                lines.append(_Line(separator, "".join(begun), label))
                separator, label, begun = end, inner, [piece]
            else:
                begun += [end, piece]
        lines.append(_Line(separator, "".join(begun), label))
        separator = "\n"
    return lines


def _only_one_line_speaks(lines: Sequence[_Line], table: SpeakerTable) -> bool:
    """Whether at most one of the two sides begins a line."""
    labels = [line.label for line in lines if line.label is not None and line.label.is_known and not line.label.is_weak]
    sides = {table.find(label.speaker, loosely=True) for label in labels if label.speaker is not None} - {"System"}
    has_unknown = any(line.label is not None and line.label.is_timed and not line.label.is_known for line in lines)
    return len(sides) == 1 and not has_unknown


def _split_inside_lines(lines: Sequence[_Line], table: SpeakerTable) -> tuple[list[_Line], int]:
    """The same lines, split in front of the roles inside them, where these are written as at the lines' beginning.

    One side alone begins lines here: ``User: hi Assistant: hello User: thanks`` is a conversation on one line.
    """
    split: list[_Line] = []
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


def _piece(separator: str, text: str, label: Label | None, table: SpeakerTable) -> _Line:
    """A part of a line. Its label was read with what follows it, on which only a time behind the name depends."""
    if label is None or label.layout == "behind" or label.end > len(text):
        label = label_of_line(text, table)
    return _Line(separator, text, label)


def _is_conversation(split: Sequence[_Line], table: SpeakerTable, count: int, expected_messages: int | None) -> bool:
    """Whether lines split inside are a conversation, and not an answer that says "User: your number"."""
    labels = [line.label for line in split if line.label is not None and line.label.is_known]
    if expected_messages is not None and count == 1:
        return expected_messages >= len(labels)
    return count > 1 or _side(labels[0], table) == "User"


_INSIDE = re.compile(
    r"([ \t\u00a0]{1,4}|(?<=[.!?]))"
    r"(?=[*_]{0,3}(?:[\[(]?\d[^\]\n]{4,40}[\])][ \t]?)?[*_]{0,3}"
    r"[^\W\d_][\w.-]{0,24}[ \t\u00a0]?(?:[\w.-]{1,24}[ \t\u00a0]?)?[:：])"
)


def _starts(
    lines: Sequence[_Line], table: SpeakerTable, notes: Counter[str], expected_messages: int | None
) -> frozenset[int]:
    """The positions of the lines that begin a message."""
    fenced = _fenced(lines)
    labels = {
        position: line.label for position, line in enumerate(lines) if line.label is not None and position not in fenced
    }
    known = {position for position, label in labels.items() if label.is_known}
    timed = {position for position, label in labels.items() if label.is_timed}
    layout = _layout([labels[position] for position in sorted(timed)])
    timed = {
        position
        for position in timed
        if labels[position].is_known
        or (labels[position].layout == layout and (labels[position].speaker is not None or len(timed) > 1))
    }
    timed = {position for position in timed if labels[position].speaker or _has_words(lines[position])}
    untimed = {position for position in known if not labels[position].is_timed}
    strong = {position for position in untimed if not labels[position].is_weak}
    sides = {_side(labels[position], table) for position in timed | strong}
    if not {"User", "Assistant"} <= sides:
        strong |= untimed
    strong |= _repeated_names(lines, labels, timed | strong, table)
    first = min(timed | strong, default=None)
    starts = timed | strong
    if first in timed and len(timed) > 1 and len(starts) != expected_messages:
        starts = timed
    inside = len((known | fenced & _labelled(lines)) - starts)
    notes["role_lines_inside_messages"] = inside
    return frozenset(starts)


def _side(label: Label, table: SpeakerTable) -> str | None:
    side = None if label.speaker is None else table.find(label.speaker, loosely=label.is_timed)
    return "User" if side == "employee" else side


def _layout(timed: Sequence[Label]) -> str:
    """Where the times of this text stand: as in the first line with a known speaker, else in the first."""
    return next((label.layout for label in timed if label.is_known), timed[0].layout if timed else "")


def _has_words(line: _Line) -> bool:
    return line.label is not None and bool(line.text[line.label.end :].strip())


def _labelled(lines: Sequence[_Line]) -> set[int]:
    return {position for position, line in enumerate(lines) if line.label is not None and line.label.is_known}


def _fenced(lines: Sequence[_Line]) -> set[int]:
    """The lines inside fenced code that is closed again."""
    inside: set[int] = set()
    opened: int | None = None
    for position, line in enumerate(lines):
        if line.text.count(_FENCE) % 2:
            if opened is None:
                opened = position
            else:
                inside.update(range(opened + 1, position + 1))
                opened = None
    return inside


def _repeated_names(
    lines: Sequence[_Line], labels: dict[int, Label], starts: set[int], table: SpeakerTable
) -> set[int]:
    """Lines of a name without a time that comes back in another message: a speaker that the table lacks.

    A name inside the answers of the Assistant alone is a word of these ("Step:"), unless one side is missing.
    """
    if any(labels[position].is_timed for position in starts):
        return set()
    at: dict[str, list[int]] = {}
    under: dict[str, set[int]] = {}
    asked: set[str] = set()
    message = -1
    role: str | None = None
    for position in range(len(lines)):
        label = labels.get(position)
        if position in starts:
            message, role = position, None if label is None else _side(label, table)
        elif label is not None and label.speaker is not None and _may_be_name(label.speaker):
            key = label_key(label.speaker.name)
            at.setdefault(key, []).append(position)
            under.setdefault(key, set()).add(message)
            if role == "User":
                asked.add(key)
    sides = {_side(labels[position], table) for position in starts} & {"User", "Assistant"}
    both = len(sides) == 2
    return {
        position
        for key, positions in at.items()
        if (len(under[key]) > 1 and (not both or key in asked)) or (not sides and len(at) > 1 and len(positions) > 1)
        for position in positions
    }


def _may_be_name(speaker: Speaker) -> bool:
    words = speaker.name.split()
    return (
        len(words) <= 3 and all(word[0].isupper() for word in words) and words[0].lower().strip(".") not in _FORM_WORDS
    )


def _messages(lines: Sequence[_Line], starts: frozenset[int], notes: Counter[str]) -> list[RawMessage]:
    messages: list[RawMessage] = []
    label: Label | None = None
    content: list[str] = []
    for position, line in enumerate(lines):
        if position in starts and line.label is not None:
            _end_message(messages, label, content, notes)
            label, content = line.label, [line.text[line.label.end :]]
        elif content or not _BARE_TIMES.fullmatch(line.text.strip()):  # times above all text say nothing
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
    labels = (label_of_line(line, table) for line in _physical_lines(text))
    names = {label_key(label.speaker.name) for label in labels if label is not None and label.speaker is not None}
    return len(names) > 1

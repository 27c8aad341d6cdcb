"""Text as the contract has it: ``User: ...`` or ``[DD.MM.YYYY HH:MM:SS] User: ...``, read several times as fast."""

from __future__ import annotations

import re

from livedash_core.enums import ROLES, Role
from livedash_core.parsing.transcript.labels import FLAGS, GAP, label_of_line
from livedash_core.parsing.transcript.message_starts import FENCE
from livedash_core.parsing.transcript.speakers import MARKS, Speaker, SpeakerTable
from livedash_core.parsing.transcript.text_lines import OTHER_LINE_ENDS, physical_lines

#: With more names at the beginnings of lines, looking them up a second time costs more than is won.
_MAX_NAMES = 200
_TIME = r"\[(\d\d\.\d\d\.\d{4} \d\d:\d\d:\d\d)\]"
# ASCII: without it, IGNORECASE takes "U\u017fer" for "User".
_CONTRACT_LINE = re.compile(rf"{GAP}(?:{_TIME}{GAP})?({'|'.join(ROLES)})[{MARKS}]*:(?!//)", FLAGS)
BARE_TIMES = re.compile(rf"{GAP}({_TIME}{GAP})?", re.ASCII)


def begins_message(text: str) -> bool:
    """Whether a line of the contract (``User: ...``) is in ``text``: a quick look."""
    return any(map(_CONTRACT_LINE.match, physical_lines(text)))


def is_blank(text: str) -> bool:
    """Whether ``text`` is nothing but white space and times."""
    return not text.strip() or all(BARE_TIMES.fullmatch(line.strip()) for line in physical_lines(text))


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
            if role is not None:
                if content := "\n".join(lines).strip():
                    messages.append((role, content, stamp))
                elif stamp:
                    return None
            stamp, word = start.groups()
            role = _ROLES[word.lower()]
            starts += 1
            timed += stamp is not None
            lines = [line[start.end() :]]
        elif lines or not BARE_TIMES.fullmatch(line.strip()):
            if role is None or len(names) > _MAX_NAMES:
                return None
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
_NEEDS_SECOND_LOOK = ("<", "\\n", "\\t", FENCE, *OTHER_LINE_ENDS)

"""Which lines of plain text begin a message, by all lines of the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from livedash_core.parsing.transcript.labels import Label, side_of
from livedash_core.parsing.transcript.speakers import Speaker, SpeakerTable, label_key
from livedash_core.parsing.transcript.text_lines import Line

FENCE = "```"
#: Words that begin lines of an answer or a form again and again without being a speaker.
_FORM_WORDS_TEXT = """
aan, achtung, address, adres, adresse, an, asunto, attention, beispiel, belangrijk, betreff, bijvoorbeeld, cc,
date, datum, e-mail, ejemplo, email, example, exemple, fecha, for, from, hinweis, http, https, important, let,
link, naam, name, nb, nom, nombre, nota, note, objet, onderwerp, op, opmerking, paso, phone, ps, re, remarque,
schritt, stap, step, subject, tel, telefon, telefoon, tip, to, url, van, von, voorbeeld, waarschuwing, warning,
wichtig, étape
"""
_FORM_WORDS = frozenset(word.strip() for word in _FORM_WORDS_TEXT.split(","))


def message_starts(
    lines: Sequence[Line], table: SpeakerTable, notes: Counter[str], expected_messages: int | None
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
    sides = {side_of(labels[position], table) for position in timed | strong}
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


def _layout(timed: Sequence[Label]) -> str:
    """Where the times of this text stand: as in the first line with a known speaker, else in the first."""
    return next((label.layout for label in timed if label.is_known), timed[0].layout if timed else "")


def _has_words(line: Line) -> bool:
    return line.label is not None and bool(line.text[line.label.end :].strip())


def _labelled(lines: Sequence[Line]) -> set[int]:
    return {position for position, line in enumerate(lines) if line.label is not None and line.label.is_known}


def _fenced(lines: Sequence[Line]) -> set[int]:
    """The lines inside fenced code that is closed again."""
    inside: set[int] = set()
    opened: int | None = None
    for position, line in enumerate(lines):
        if line.text.count(FENCE) % 2:
            if opened is None:
                opened = position
            else:
                inside.update(range(opened + 1, position + 1))
                opened = None
    return inside


def _repeated_names(lines: Sequence[Line], labels: dict[int, Label], starts: set[int], table: SpeakerTable) -> set[int]:
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
            message, role = position, None if label is None else side_of(label, table)
        elif label is not None and label.speaker is not None and _may_be_name(label.speaker):
            key = label_key(label.speaker.name)
            at.setdefault(key, []).append(position)
            under.setdefault(key, set()).add(message)
            if role == "User":
                asked.add(key)
    sides = {side_of(labels[position], table) for position in starts} & {"User", "Assistant"}
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

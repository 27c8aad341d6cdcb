"""Which lines of plain text begin a message, by all lines of the text."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from livedash_core.parsing.transcript.labels import Label
from livedash_core.parsing.transcript.speakers import EMPLOYEE, VERBS, Speaker, label_key
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
#: Parts of names that are written small.
_PARTICLES = frozenset(
    "van von der den de la le di da do dos das del della zu zur af av bin ibn al el ter ten y".split()  # noqa: SIM905
)
_NO_NAMES = _PARTICLES | VERBS
_APOSTROPHE = re.compile("['\u2019]")
_FORM_WORDS = frozenset(word.strip() for word in _FORM_WORDS_TEXT.split(","))


def message_starts(lines: Sequence[Line], notes: Counter[str], expected_messages: int | None) -> frozenset[int]:
    """The positions of the lines that begin a message."""
    fenced = _fenced(lines)
    labels = {
        position: line.label for position, line in enumerate(lines) if line.label is not None and position not in fenced
    }
    known = {position for position, label in labels.items() if label.found is not None}
    timed = {position for position, label in labels.items() if label.stamp is not None}
    layout = _layout([labels[position] for position in sorted(timed)])
    timed = {
        position
        for position in timed
        if labels[position].is_known
        or (labels[position].layout == layout and (labels[position].speaker is not None or len(timed) > 1))
    }
    timed = {position for position in timed if labels[position].speaker or _has_words(lines[position])}
    untimed = {position for position in known if labels[position].stamp is None} if timed else known
    strong = {position for position in untimed if not labels[position].is_weak}
    sides = _sides(labels, timed | strong)
    if not {"User", "Assistant"} <= sides:
        strong |= untimed
    strong |= _repeated_names(labels, timed | strong)
    if 0 in labels and not timed and len(_sides(labels, strong) & {"User", "Assistant"}) == 1:
        # The text begins with a name: the other side, which may speak only once.
        speaker = labels[0].speaker
        strong |= {0} if speaker and _may_be_name(speaker) and _has_words(lines[0]) else set()
    first = min(timed | strong, default=None)
    starts = timed | strong
    if first in timed and len(timed) > 1 and len(starts) != expected_messages:
        starts = timed
    inside = (known | (fenced & _labelled(lines) if fenced else fenced)) - starts
    if not {"User", "Assistant"} <= _sides(labels, starts):
        # The other side may be among these names.
        inside |= {at for at, label in labels.items() if label.speaker and _may_be_name(label.speaker)} - starts
    notes["role_lines_inside_messages"] = len(inside)
    return frozenset(starts)


def _sides(labels: dict[int, Label], positions: Iterable[int]) -> set[str | None]:
    """The sides of the lines at these positions."""
    found = {labels[position].found for position in positions}
    return {"User" if word == EMPLOYEE else word for word in found}


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
    if not any(FENCE in line.text for line in lines):
        return inside
    opened: int | None = None
    for position, line in enumerate(lines):
        if line.text.count(FENCE) % 2:
            if opened is None:
                opened = position
            else:
                inside.update(range(opened + 1, position + 1))
                opened = None
    return inside


def _repeated_names(labels: dict[int, Label], starts: set[int]) -> set[int]:
    """Lines of a name without a time that comes back in another message: a speaker that the table lacks.

    A name inside the answers of the Assistant alone is a word of these ("Step:"), unless one side is missing.
    """
    if any(labels[position].stamp is not None for position in starts):
        return set()
    at: dict[str, list[int]] = {}
    under: dict[str, set[int]] = {}
    asked: set[str] = set()
    message = -1
    role: str | None = None
    for position, label in labels.items():
        if position in starts:
            message, role = position, label.side
        elif label.speaker is not None and _may_be_name(label.speaker):
            key = label_key(label.speaker.name)
            at.setdefault(key, []).append(position)
            under.setdefault(key, set()).add(message)
            if role == "User":
                asked.add(key)
    sides = _sides(labels, starts) & {"User", "Assistant"}
    both = len(sides) == 2
    return {
        position
        for key, positions in at.items()
        if (len(under[key]) > 1 and (not both or key in asked)) or (not sides and len(at) > 1 and len(positions) > 1)
        for position in positions
    }


@lru_cache(maxsize=1024)
def _may_be_name(speaker: Speaker) -> bool:
    words = [word for word in speaker.name.split() if word.lower() not in _NO_NAMES]
    return 1 <= len(words) <= 3 and all(map(_is_capital, words)) and words[0].lower().strip(".") not in _FORM_WORDS


def _is_capital(word: str) -> bool:
    """Whether a word is written as names are: "Jan", "d'Hondt", or in a script without capitals."""
    last = word if word.isalnum() else _APOSTROPHE.split(word)[-1]
    return bool(last) and (last[0].isupper() or (last[0].isalpha() and last[0].upper() == last[0].lower()))

"""Which role a speaker's label stands for: a table of words (``speaker_words.py``), and a company's own names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple
from unicodedata import normalize

from livedash_core.enums import ROLES, Role
from livedash_core.parsing.transcript import speaker_words

#: What does not show: direction marks of right-to-left text, zero-width characters, byte order marks.
MARKS = "\u200b-\u200f\u202a-\u202e\u2066-\u2069\u061c\ufeff"
#: With emoji and what varies them.
_MARK = re.compile(f"[{MARKS}\ufe00-\ufe0f\u2190-\u2bff\U0001f000-\U0001faff\U000e0020-\U000e007f]")
_ACCENT = re.compile("[\u0300-\u036f]")
_NUMBERED = re.compile(r"[ #_-]\d{1,9}$")
_SEPARATORS = re.compile(r"[\s_\-/]+")

_ROLE_OF: dict[str, Role] = {role.lower(): role for role in ROLES}
#: Label of a side that the other speakers decide.
EMPLOYEE = "employee"
_MAX_WORDS = 4
_REMEMBERED_LABELS = 1024


def label_key(label: str) -> str:
    """The form in which labels are compared: lower case, single spaces, no accents, marks and emoji.

    Accents are missing in capitals, and Turkish capitals change in lower case. Never NFKC, which folds letters.
    """
    if not label.isascii():
        label = _MARK.sub("", label)
        label = normalize("NFC", _ACCENT.sub("", normalize("NFD", label.lower()))).replace("ı", "i")
    key = label.strip(" \t\u00a0\u202f*_`~#\"'").lower()
    return key if key.isalnum() else _SEPARATORS.sub(" ", key).strip()


def _words(text: str) -> frozenset[str]:
    return frozenset(label_key(word) for word in text.replace("\n", " ").split(",") if word.strip())


_USER_WORDS, _ASSISTANT_WORDS, _SYSTEM_WORDS = (
    _words(speaker_words.USER),
    _words(speaker_words.ASSISTANT),
    _words(speaker_words.SYSTEM),
)
_EMPLOYEE_WORDS = _words(speaker_words.EMPLOYEE)
_WEAK_USER_WORDS = _words(speaker_words.WEAK_USER)
_WEAK_ASSISTANT_WORDS = _words(speaker_words.WEAK_ASSISTANT)
_FIELD_WORDS: dict[str, Role] = {
    **dict.fromkeys(_words(speaker_words.FIELD_USER), "User"),
    **dict.fromkeys(_words(speaker_words.FIELD_ASSISTANT), "Assistant"),
    **dict.fromkeys(_words(speaker_words.FIELD_SYSTEM), "System"),
}
_TABLE: dict[str, str] = {
    **dict.fromkeys(_WEAK_USER_WORDS, "User"),
    **dict.fromkeys(_WEAK_ASSISTANT_WORDS, "Assistant"),
    **dict.fromkeys(_EMPLOYEE_WORDS, EMPLOYEE),
    **dict.fromkeys(_ASSISTANT_WORDS, "Assistant"),
    **dict.fromkeys(_USER_WORDS, "User"),
    **dict.fromkeys(_SYSTEM_WORDS, "System"),
}
_WEAK_WORDS = _WEAK_USER_WORDS | _WEAK_ASSISTANT_WORDS
#: What may stand behind a speaker: "User says:", "Jan wrote:".
VERBS = _words(
    "says, said, wrote, writes, asked, replied, zegt, zei, schreef, sagt, sagte, schrieb, dit, dice, dijo, disse"
)
#: The last word of a longer label: "ACME Bot", "HR Representative".
_BOT_WORDS = frozenset(
    ("bot", "chatbot", "assistant", "assistent", "asistente", "assistente", "robot", "agent", "representative",
     "advisor", "adviser", "helpdesk", "desk", "operator")
)  # fmt: skip
#: "LeaveBot", "hr-bot"; not Talbot.
_CALLED_BOT = re.compile(r".*(?:[a-zA-Z]Bot|[-_]bot)", re.DOTALL)


class Speaker(NamedTuple):
    """A label as it is written, with what stands in brackets behind it ("User (Jan)")."""

    name: str
    detail: str = ""


@dataclass(slots=True)
class Resolution:
    """The role of every speaker, and how it was found."""

    roles: dict[Speaker, Role] = field(default_factory=dict)
    unknown: list[Speaker] = field(default_factory=list)
    assumed: list[Speaker] = field(default_factory=list)


class SpeakerTable:
    """The words of the table and a company's own names, which come first."""

    def __init__(self, names: Mapping[str, Role] | None = None) -> None:
        self._names = {label_key(name): role for name, role in (names or {}).items()}
        # A transcript has few speakers and many lines.
        self._found = lru_cache(maxsize=_REMEMBERED_LABELS)(self._look_up)
        self.is_weak = lru_cache(maxsize=_REMEMBERED_LABELS)(self._is_weak)

    def find(self, speaker: Speaker, *, loosely: bool) -> str | None:
        """A role, ``EMPLOYEE``, or None for a label that the table lacks.

        ``loosely`` also reads the first or last word of a longer label ("Agent Sofia", "Visitor 4711", "ACME Bot"),
        which without a time in front may be the beginning of a sentence.
        """
        return self._found(speaker, loosely)

    def _look_up(self, speaker: Speaker, loosely: bool) -> str | None:
        key = label_key(speaker.name)
        if found := self._names.get(key) or _TABLE.get(key):
            return found
        if speaker.detail:
            detail = label_key(speaker.detail)
            if detail and (found := self._names.get(detail) or _TABLE.get(detail)):
                return found
        if key.endswith("bot") and _CALLED_BOT.fullmatch(speaker.name):
            return "Assistant"
        if " " not in key:
            return None
        words = key.split(" ")
        if not 2 <= len(words) <= _MAX_WORDS:
            return None
        if words[-1] in VERBS:
            return self._look_up(Speaker(" ".join(words[:-1])), loosely)
        is_numbered = words[-1].strip("#").isdigit()
        is_telling = words[0] not in _WEAK_WORDS or (is_numbered and len(words) == len(("question", "1")))
        if (is_numbered or loosely) and is_telling and (first := _TABLE.get(words[0])):
            return first
        if loosely and words[-1] not in _WEAK_WORDS and (last := _TABLE.get(words[-1])):
            return last
        is_name = all(not word[:1].islower() for word in speaker.name.split())
        return "Assistant" if words[-1] in _BOT_WORDS and (loosely or is_name) else None

    def _is_weak(self, speaker: Speaker) -> bool:
        """Whether the label also begins ordinary lines, so that it needs more than a colon to be a speaker."""
        key = label_key(speaker.name)
        if key in self._names:
            return False
        detail = label_key(speaker.detail)
        return (
            key in _WEAK_WORDS
            or key.rstrip(" 0123456789") in _WEAK_WORDS
            or (detail in _WEAK_WORDS and key not in _TABLE and detail not in self._names)
        )

    def find_field(self, value: str) -> str | None:
        """``find`` for the value of a field that says who speaks; such fields know more words."""
        speaker = Speaker(value.removeprefix("chat."))
        return self.find(speaker, loosely=True) or _FIELD_WORDS.get(label_key(value))

    def resolve(self, speakers: Iterable[Speaker], *, in_fields: bool = False) -> Resolution:
        """The role of each speaker, by the table and by the other speakers of the transcript.

        An employee is the User, unless another word names the User: then an employee is who answers. A single unknown
        speaker beside one known side is the other side; two unknown speakers are not guessed.
        """
        result = Resolution()
        found: dict[Speaker, str | None] = {
            speaker: self.find_field(speaker.name) if in_fields else self.find(speaker, loosely=True)
            for speaker in dict.fromkeys(speakers)
        }
        has_user = "User" in found.values()
        for speaker, role in found.items():
            if role is None:
                result.unknown.append(speaker)
            elif role == EMPLOYEE:
                result.roles[speaker] = "Assistant" if has_user else "User"
            else:
                result.roles[speaker] = _ROLE_OF[role.lower()]
        sides = {role for role in result.roles.values() if role != "System"}
        if len(sides) == 1 and len(numbered := [one for one in result.roles if _NUMBERED.search(one.name)]) > 1:
            # "User 1" and "User 2": who answers is not told.
            result.unknown += numbered
            for speaker in numbered:
                del result.roles[speaker]
            sides = {role for role in result.roles.values() if role != "System"}
        if len(result.unknown) == 1 and len(sides) == 1:
            result.assumed = result.unknown
            result.unknown = []
            result.roles[result.assumed[0]] = "Assistant" if sides == {"User"} else "User"
        return result

"""When two questions are the same question, and which of a session's are kept."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import category, normalize

from livedash_core.parsing.text import clean

MAX_QUESTIONS = 5
#: At four bytes a character this stays below the 2,704 bytes that a PostgreSQL B-tree entry may have.
MAX_CHARACTERS = 500


def normal_form(question: str) -> str:
    """The key under which a question is stored once: two spellings with the same key are one question.

    Compatibility forms, case, punctuation, invisible characters and white space are folded. Digits and symbols
    (``+``, ``€``) stay: "after 6 months" is not "after 12 months". Empty when nothing is left, at most
    ``MAX_CHARACTERS`` long: NFKC turns one character into up to eighteen.
    """
    folded = normalize("NFKC", question).casefold()
    spaced = "".join(_folded(character) for character in folded)
    return " ".join(normalize("NFKC", spaced).split())[:MAX_CHARACTERS].rstrip()


def _folded(character: str) -> str:
    kind = category(character)
    if kind[0] == "P" or character.isspace():
        return " "
    # Zero-width joiners, soft hyphens and direction marks stand inside words.
    return "" if kind in ("Cc", "Cf", "Cs") else character


def clean_questions(raw: Iterable[object]) -> tuple[str, ...]:
    """At most ``MAX_QUESTIONS`` questions in their first order, distinct by ``normal_form``, fit to be stored.

    ``raw`` is what a model or the rules gave: anything but strings is dropped, white space is folded, each is cut
    to ``MAX_CHARACTERS``, and one without a letter, digit or symbol is none.
    """
    kept: dict[str, str] = {}
    for item in raw:
        if len(kept) == MAX_QUESTIONS:
            break
        if isinstance(item, str):
            question = " ".join(clean(item).split())[:MAX_CHARACTERS].rstrip()
            if key := normal_form(question):
                kept.setdefault(key, question)
    return tuple(kept.values())

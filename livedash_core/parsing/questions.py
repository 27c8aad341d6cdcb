"""Normalises questions: the key of equal questions, and the questions of a session that are kept."""

from __future__ import annotations

from collections.abc import Iterable
from unicodedata import category, normalize

from livedash_core.parsing.text import clean

MAX_QUESTIONS = 5
#: At four bytes per character this is below PostgreSQL's limit for a B-tree entry, 2,704 bytes.
MAX_CHARACTERS = 500


def normal_form(question: str) -> str:
    """Return the key of a question; spellings with the same key are one question.

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
    # Zero-width joiners, soft hyphens and direction marks occur inside words.
    return "" if kind in ("Cc", "Cf", "Cs") else character


def clean_questions(raw: Iterable[object]) -> tuple[str, ...]:
    """Return at most ``MAX_QUESTIONS`` storable questions in order, distinct by ``normal_form``.

    ``raw`` is an analyzer's output: values other than strings, and strings without a letter, digit or symbol, are
    dropped; white space is folded, and each question is cut to ``MAX_CHARACTERS``.
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

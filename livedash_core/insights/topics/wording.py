"""Decides by their words whether two questions are one, and whether a question stands alone; pure.

The rule is made for precision: a word that no list names counts as it is, so two questions are one only if each
contains the same words, or words of the same concepts, in any order. ``tests/eval`` measures it.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

_WORD = re.compile(r"[^\W_]+(?:['’&-][^\W_]+)*")
_LINGUA_FRANCA = "en"
#: People in a question: "does HR tell my manager" is not "does my manager tell HR".
_PEOPLE = frozenset(("=manager", "=hr", "=colleague"))
_SELF = "=i"
#: Questions that ask how or where something can be done ask how or where to do it.
_PLACE_OR_MANNER = frozenset(("=how", "=where"))
#: A follow-up that opens with a conjunction or points back has fewer words of its own than this.
_OWN_WORDS = 2
#: Fewer letters say nothing in a language without lists.
_MIN_LETTERS = 6


class Wording(NamedTuple):
    """The words of a question that count, and the order of those whose order counts.

    ``=salary`` is a concept, ``~their`` a word for another person, any other is a word of no list.
    """

    words: frozenset[str]
    order: tuple[str, ...]

    @property
    def digest(self) -> str:
        """Equal for questions that the rule calls the same; MD5 in hexadecimal."""
        text = "\x1f".join([*sorted(self.words), "", *self.order])
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class _Lists(NamedTuple):
    """The word lists of a language; ``phrase`` finds concepts of several words."""

    phrase: re.Pattern[str]
    concepts: dict[str, str]
    stop: frozenset[str]
    others: frozenset[str]
    self: frozenset[str]
    directed: frozenset[str]
    opening: frozenset[str]
    pointing: frozenset[str]
    empty: frozenset[str]


@cache
def _data() -> Any:
    return json.loads(files(__package__).joinpath("data", "wording.json").read_text(encoding="utf-8"))


@cache
def _lists(language: str) -> _Lists | None:
    data = _data()
    if language not in data["stop"]:
        return None
    concepts = {word: name for name, words in data["concepts"].items() for word in words.get(language, ())}
    longest_first = sorted((word for word in concepts if " " in word), key=len, reverse=True)
    phrase = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")
    named = (
        frozenset(data[name][language])
        for name in ("stop", "others", "self", "directed", "opening", "pointing", "empty")
    )
    return _Lists(phrase, concepts, *named)


def fold(text: str) -> str:
    """Lower case without diacritics, NFKD; linear in the length."""
    folded = unicodedata.normalize("NFKD", text.replace("’", "'")).casefold()
    return "".join(character for character in folded if not unicodedata.combining(character))


def read(question: str, language: str) -> Wording:
    """The words of ``question`` that count; ``language`` is ISO 639-1, and any other value has no lists."""
    folded, lists = fold(question), _lists(language)
    if lists is None:
        words = _WORD.findall(folded)
        return Wording(frozenset(words), tuple(words))
    marked = lists.phrase.sub(lambda match: f" {lists.concepts[match[0]]}\x00 ", folded)
    found: list[str] = []
    is_directed = False
    for part in marked.split():
        if part.endswith("\x00"):
            found.append(f"={part[:-1]}")
            continue
        for word in _WORD.findall(part):
            is_directed |= word in lists.directed
            if word in lists.others:
                found.append(f"~{word}")
            elif word in lists.self:
                found.append(_SELF)
            elif (concept := lists.concepts.get(word)) is not None:
                found.append(f"={concept}")
            elif word not in lists.stop:
                found.append(word)
    kept = set(found) - {_SELF}
    if kept & _PLACE_OR_MANNER:
        kept.discard("=can")
    return Wording(frozenset(kept), tuple(_in_order(found, is_directed)))


def _in_order(found: list[str], is_directed: bool) -> Iterator[str]:
    """The words whose order counts: numbers; people and the user; all that are between prepositions of direction."""
    has_people = any(word in _PEOPLE or word[0] == "~" for word in found)
    for word in found:
        is_person = word == _SELF or word in _PEOPLE or word[0] == "~"
        if word[0].isdigit() or (is_person and has_people) or (is_directed and word != _SELF and not is_person):
            yield word


def contradiction(first: Wording, second: Wording) -> str | None:
    """Why two questions that a model calls the same need a second opinion; None if nothing speaks against it.

    Concepts are compared, so the questions may be in different languages.
    """
    if [word for word in first.order if word[0].isdigit()] != [word for word in second.order if word[0].isdigit()]:
        return "their numbers differ"
    if ("=not" in first.words) != ("=not" in second.words):
        return "one of them is negated"
    if _is_about_another(first) != _is_about_another(second):
        return "one of them is about another person"
    for one, other in _data()["contrasts"]:
        for mine, theirs in ((first.words, second.words), (second.words, first.words)):
            if f"={one}" in mine and f"={other}" in theirs and not (f"={other}" in mine or f"={one}" in theirs):
                return f"one says “{one}”, the other “{other}”"
    return None


def _is_about_another(wording: Wording) -> bool:
    # In Dutch “zijn” is “his” and “are”.
    return any(word[0] == "~" and word != "~zijn" for word in wording.words)


def is_follow_up(question: str, language: str) -> bool:
    """Whether the question means nothing without its chat ("And the pension?", "Wat moet ik doen?")."""
    words, lists = _WORD.findall(fold(question)), _lists(language)
    if lists is None:
        return sum(map(len, words)) < _MIN_LETTERS
    empty = lists.stop | lists.empty | lists.pointing | lists.opening
    own = [word for word in words if word not in empty]
    if not own:
        return True
    # Before a word of its own, “het” and “das” are articles.
    pairs = zip(words, [*words[1:], words[0]], strict=True)
    points = words[0] in lists.opening or any(word in lists.pointing and after in empty for word, after in pairs)
    return points and len(own) < _OWN_WORDS

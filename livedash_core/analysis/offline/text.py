"""Sentences, words, phrases, and the part of a conversation that the rules read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from livedash_core.analysis.contract import Turn

#: Bounds the time that a hostile session may cost. Questions come first and escalations last: both ends are read.
MAX_TURNS = 100
MAX_TURN_CHARACTERS = 2000

_WORD = re.compile(r"[^\W\d_]+(?:['&-][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|[\r\n\u2028\u2029]+")


def readable(turns: Sequence[Turn]) -> tuple[list[Turn], int]:
    """The turns that the rules read, each perhaps cut, and how many characters they leave out."""
    kept = list(turns)
    if len(kept) > MAX_TURNS:
        kept = kept[: MAX_TURNS // 2] + kept[-MAX_TURNS // 2 :]
    read = [Turn(turn.role, turn.content[:MAX_TURN_CHARACTERS]) for turn in kept]
    return read, sum(len(turn.content) for turn in turns) - sum(len(turn.content) for turn in read)


def fold(text: str) -> str:
    """``text`` as the word lists are written: NFKC, lower case, straight apostrophes."""
    return unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")


def words(folded: str) -> list[str]:
    """The words of a folded text: letters, with apostrophes, hyphens and ampersands inside (``can't``, ``p&o``)."""
    return _WORD.findall(folded)


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, with their final punctuation, none blank."""
    return [sentence for piece in _SENTENCE_END.split(text) if (sentence := piece.strip())]


def phrases(items: Iterable[str]) -> re.Pattern[str]:
    """One pattern for a list of folded phrases, longest first; a final ``*`` stands for any ending of the word."""
    longest_first = sorted(set(items), key=lambda item: (-len(item), item))
    alternatives = [re.escape(item.removesuffix("*")) + r"\w*" * item.endswith("*") for item in longest_first]
    return re.compile(rf"\b(?:{'|'.join(alternatives)})(?!\w)")

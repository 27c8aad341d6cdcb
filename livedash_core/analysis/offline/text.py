"""Split text into sentences, words and phrases, and truncate a conversation to the part that the rules read."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from livedash_core.analysis.contract import Turn

#: Bounds the time of a hostile session. Both ends are read: questions come first and escalations last.
MAX_TURNS = 100
MAX_TURN_CHARACTERS = 2000

_WORD = re.compile(r"[^\W\d_]+(?:['&-][^\W\d_]+)*")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|[\r\n\u2028\u2029]+")


def truncate(turns: Sequence[Turn]) -> tuple[list[Turn], int]:
    """The turns that the rules read, each truncated, and the number of characters left out."""
    kept = list(turns)
    if len(kept) > MAX_TURNS:
        kept = kept[: MAX_TURNS // 2] + kept[-MAX_TURNS // 2 :]
    truncated = [Turn(turn.role, turn.content[:MAX_TURN_CHARACTERS]) for turn in kept]
    return truncated, sum(len(turn.content) for turn in turns) - sum(len(turn.content) for turn in truncated)


def fold(text: str) -> str:
    """Fold ``text`` to the form of the word lists: NFKC, lower case, straight apostrophes."""
    return unicodedata.normalize("NFKC", text).lower().replace("\u2019", "'")


def words(folded: str) -> list[str]:
    """The words of a folded text: letters, with apostrophes, hyphens and ampersands inside (``can't``, ``p&o``)."""
    return _WORD.findall(folded)


def sentences(text: str) -> list[str]:
    """The sentences of ``text``, with their final punctuation, without blank ones."""
    return [sentence for piece in _SENTENCE_END.split(text) if (sentence := piece.strip())]


def phrases(items: Iterable[str]) -> re.Pattern[str]:
    """Compile folded phrases into one pattern, longest first; a final ``*`` matches any ending of the word."""
    longest_first = sorted(set(items), key=lambda item: (-len(item), item))
    alternatives = [re.escape(item.removesuffix("*")) + r"\w*" * item.endswith("*") for item in longest_first]
    return re.compile(rf"\b(?:{'|'.join(alternatives)})(?!\w)")

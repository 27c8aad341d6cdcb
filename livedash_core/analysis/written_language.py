"""Find the language in which a text is written; pure."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livedash_core.analysis.offline.language import LanguageRule

#: The most frequent words of English that are no words of the other languages of the chats.
_ENGLISH = re.compile(
    r"\b(?:the|and|of|to|is|are|does|did|do|how|what|when|where|which|who|why|can|could|should|my|with|for|from|their|"
    r"they|it|this|that|have|has|asked|about|employee|user)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\W\d_]+")
#: English text has at least one such word in so many; measured on the summaries of the tests and the sample.
_WORDS_PER_ENGLISH_WORD = 6
#: Besides those of the offline rules: other languages of Europe, whose telephone numbers and ids are masked.
_MORE_LANGUAGES = ("da", "sv", "no", "fi", "el", "hr", "sk")


def foreign_language(text: str) -> str | None:
    """The language (ISO 639-1) of ``text`` if it is reliably another one than English, else None."""
    words = len(_WORD.findall(text))
    # Most text is English, and the detector takes 0.3 s and 60 MB to load.
    if words <= _WORDS_PER_ENGLISH_WORD * len(_ENGLISH.findall(text)):
        return None
    language = detected_language(text)
    return None if language == "en" else language


def detected_language(text: str) -> str | None:
    """The language (ISO 639-1) of ``text``, None if it is too short to be detected reliably."""
    language, source = _detector()(text, None)
    return language if source == "text" else None


@cache
def _detector() -> LanguageRule:
    from livedash_core.analysis.offline.language import LANGUAGES, LanguageRule

    return LanguageRule((*LANGUAGES, *_MORE_LANGUAGES))

"""Finds out which of the five languages of the full-text search a conversation is written in, by its small words."""

from __future__ import annotations

import re
from collections import Counter

#: Frequent words that the other four languages lack, or have much less often.
_WORDS: dict[str, str] = {
    "nl": "het een ik niet van zijn voor met dat hoe mijn kan wat heb nog bij maar ook wij jouw naar dan",
    "de": "der die das ich nicht und ist mit wie mein für kann auf haben noch sie wir sich dem den ein eine bei zu",
    "en": "the and is my you to of how what are for with can this that have it do your be was when where will",
    "fr": "le les ne pas et est vous pour avec mon mes comment des une du au dans sur ce qui votre nous ai il",
    "es": "el los yo no y es usted para con mi mis cómo una del al en lo que su por las está qué tengo puedo",
}
_LANGUAGE_OF = {word: language for language, words in _WORDS.items() for word in words.split()}
_WORD = re.compile(r"[^\W\d_]+")
_ASCII_SPACES = {code: " " for code in range(128) if not chr(code).isalpha()}
#: Of a conversation, what is looked at.
INSPECTED_CHARACTERS = 4_000
#: With fewer of these words nothing is certain, nor if a second language has more than one for each four.
_MIN_WORDS = 5
_SECOND_SHARE = 4


def searched_language(text: str) -> str | None:
    """The language (ISO 639-1) of ``text`` if it is clearly one of the five, else None.

    A tenth of the words must be such words, so that a text in another language is none of the five.
    """
    words = words_of(text[:INSPECTED_CHARACTERS].lower())
    counted = Counter(map(_LANGUAGE_OF.get, words))
    (most, first), (second, _) = sorted(((counted[language], language) for language in _WORDS), reverse=True)[:2]
    is_certain = most >= max(_MIN_WORDS, len(words) // 10) and most >= _SECOND_SHARE * second
    return first if is_certain else None


def words_of(text: str) -> list[str]:
    """The runs of letters in ``text``."""
    # translate() is several times as fast as the pattern, but only for ASCII.
    return text.translate(_ASCII_SPACES).split() if text.isascii() else _WORD.findall(text)

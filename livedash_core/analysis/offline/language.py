"""Detect the language that the user writes in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from eld import LanguageDetector  # type: ignore[import-untyped]  # eld carries no types

from livedash_core.analysis.normalise import language_code
from livedash_core.enums import UNDETERMINED

#: The languages of the users of HR chatbots in Western Europe; fewer candidates mean fewer mistakes.
LANGUAGES = ("nl", "en", "de", "fr", "es", "it", "pt", "pl", "tr", "ro", "bg", "hu", "cs", "uk", "ru", "ar")
#: Shorter text cannot be detected reliably: eld is right for .65 of lines under 15 characters, for .97 of longer ones.
MIN_LETTERS = 15

Source = Literal["text", "csv", "none"]


class LanguageRule:
    """Detects the language of a conversation among ``languages`` (ISO 639-1)."""

    def __init__(self, languages: Sequence[str] = LANGUAGES) -> None:
        self._detector = LanguageDetector()
        # Not lang_subset(), which changes the n-grams of the whole process and writes into eld's folder.
        subset = self._detector.dynamic_lang_subset(list(languages))
        if not subset.success or len(subset.languages) < len(set(languages)):
            raise ValueError(f"eld does not know all of the languages {', '.join(languages)}")

    def __call__(self, user_text: str, hint: str | None) -> tuple[str, Source]:
        """The language (ISO 639-1 or ``und``) and its source: the text, or the CSV's label if the text is too short."""
        if sum(character.isalpha() for character in user_text) >= MIN_LETTERS:
            found = self._detector.detect(user_text)
            if found.language and found.is_reliable():
                return str(found.language), "text"
        labelled = language_code(hint or "")
        return labelled, "none" if labelled == UNDETERMINED else "csv"

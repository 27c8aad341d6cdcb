"""Find the user's questions. They keep the user's own words, because rules cannot translate."""

from __future__ import annotations

from collections.abc import Iterable

from livedash_core.analysis.offline.courtesy import CourtesyRule
from livedash_core.analysis.offline.text import fold, sentences, words
from livedash_core.analysis.offline.wordlists import load
from livedash_core.parsing.questions import clean_questions

#: "ok?" is not a question.
MIN_WORDS = 2
#: The minimum without a question mark: "is goed" is not a question.
MIN_WORDS_UNMARKED = 4


class QuestionRule:
    """Finds questions by their mark or by their first word (``data/questions.json``: {language: [word]})."""

    def __init__(self, courtesy: CourtesyRule) -> None:
        self._courtesy = courtesy
        self._openings = {language: frozenset(listed) for language, listed in load("questions").items()}

    def __call__(self, lines: Iterable[str], language: str) -> tuple[str, ...]:
        """At most five distinct questions among the user's ``lines``, in their order."""
        return clean_questions(
            sentence for line in lines for sentence in sentences(line) if self._is_question(sentence, language)
        )

    def _is_question(self, sentence: str, language: str) -> bool:
        spoken = words(self._courtesy.strip(fold(sentence), language))
        if sentence.rstrip("!.…)'\"”").endswith(("?", "？", "؟")):
            return len(spoken) >= MIN_WORDS
        return len(spoken) >= MIN_WORDS_UNMARKED and spoken[0] in self._openings.get(language, ())

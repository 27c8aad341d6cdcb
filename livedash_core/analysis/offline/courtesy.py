"""Remove greetings and thanks, which occur in every chat and say nothing about its topic or mood."""

from __future__ import annotations

from livedash_core.analysis.offline.text import phrases
from livedash_core.analysis.offline.wordlists import LINGUA_FRANCA, load


class CourtesyRule:
    """Matches the phrases of ``data/courtesy.json``: {language: [phrase]}."""

    def __init__(self) -> None:
        listed: dict[str, list[str]] = load("courtesy")
        self._patterns = {language: phrases(own + listed[LINGUA_FRANCA]) for language, own in listed.items()}

    def strip(self, folded: str, language: str) -> str:
        """Remove the courtesies of ``language`` and of English from a folded text."""
        return self._patterns.get(language, self._patterns[LINGUA_FRANCA]).sub(" ", folded)

"""Detect escalations and referrals to HR by the phrases of user and assistant.

``escalated``: the user asks for a person or a superior, files a complaint, or the assistant hands over to one.
``forwarded_hr``: the assistant gives HR's contact or passes the matter to HR, or the user asks for HR.
The definitions come from livedash-node ("escalated to a supervisor/manager", "HR contact mentioned or provided").
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.offline.text import fold, phrases, sentences
from livedash_core.analysis.offline.wordlists import load

Cue = Literal["escalated", "forwarded_hr"]
#: A negation within this many characters before a cue cancels it: "you need not contact HR".
NEGATION_REACH = 25


class CueRule:
    """Matches ``data/cues.json``: {cue: {role: [regex]}}, in all languages, because the bot may answer in another."""

    def __init__(self) -> None:
        data = load("cues")
        self._patterns: dict[tuple[Cue, str], re.Pattern[str]] = {
            (cue, role): re.compile("|".join(patterns))
            for cue in ("escalated", "forwarded_hr")
            for role, patterns in data[cue].items()
        }
        self._encouragement = phrases(data["encouragements"])
        self._negation = phrases(data["negations"])

    def __call__(self, cue: Cue, turns: Iterable[Turn]) -> bool:
        """Whether a turn of a role with patterns contains the cue."""
        return any(
            self._matches(pattern, self._encouragement.sub("", sentence))
            for turn in turns
            if (pattern := self._patterns.get((cue, turn.role)))
            for sentence in sentences(fold(turn.content))
        )

    def _matches(self, pattern: re.Pattern[str], sentence: str) -> bool:
        return any(
            not self._negation.search(sentence, max(0, match.start() - NEGATION_REACH), match.start())
            for match in pattern.finditer(sentence)
        )

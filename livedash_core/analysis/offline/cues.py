"""Detect escalations, referrals to HR and distress by the phrases of user and assistant.

``escalated``: the user asks for a person or a superior, files a complaint, threatens legal action, or the assistant
hands over to a person.
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

Cue = Literal["escalated", "forwarded_hr", "distress"]
#: A negation within this many characters before a cue cancels it: "you need not contact HR".
NEGATION_REACH = 25


class CueRule:
    """Matches ``data/cues.json``: {cue: {role: [regex]}}, in all languages, because the bot may answer in another.

    Its ``hr`` names the HR department and the verbs that refer to it, before or after the name.
    """

    def __init__(self) -> None:
        data = load("cues")
        self._patterns: dict[tuple[Cue, str], re.Pattern[str]] = {
            (cue, role): re.compile("|".join(patterns))
            for cue in ("escalated", "forwarded_hr", "distress")
            for role, patterns in data[cue].items()
        }
        self._referrals = {
            "Assistant": _referral(data["hr"], data["hr"]["before"], data["hr"]["after"]),
            # A chat system reports that it handed over; what it asks for is its own text.
            "System": _referral(data["hr"], data["hr"]["system"], data["hr"]["system"]),
        }
        self._encouragement = phrases(data["encouragements"])
        self._negation = phrases(data["negations"])

    def __call__(self, cue: Cue, turns: Iterable[Turn]) -> bool:
        """Whether a turn of a role with patterns contains the cue."""
        return any(
            self._matches(pattern, self._encouragement.sub("", sentence))
            for turn in turns
            for pattern in self._patterns_of(cue, turn.role)
            for sentence in sentences(fold(turn.content))
        )

    def _patterns_of(self, cue: Cue, role: str) -> list[re.Pattern[str]]:
        own = self._patterns.get((cue, role))
        referral = self._referrals.get(role) if cue == "forwarded_hr" else None
        return [pattern for pattern in (own, referral) if pattern is not None]

    def _matches(self, pattern: re.Pattern[str], sentence: str) -> bool:
        for match in pattern.finditer(sentence):
            # A negation in another clause does not count: "if that is not possible, contact HR".
            clause = max(sentence.rfind(mark, 0, match.start()) for mark in ",;:")
            start = max(0, clause, match.start() - NEGATION_REACH)
            end = match.end() if pattern in self._referrals.values() else match.start()
            if not self._negation.search(sentence, start, end):
                return True
        return False


def _referral(hr: dict[str, list[str]], before: list[str], after: list[str]) -> re.Pattern[str]:
    """A verb of referral and the HR department in one clause; "the HR app" is not the department."""
    name = rf"\b(?:{'|'.join(hr['names'])})\b(?![ -]?(?:{'|'.join(hr['things'])})\b)"
    return re.compile(
        rf"\b(?:{'|'.join(before)})\b[^.?!;]{{0,60}}?{name}|{name}[^.?!;,]{{0,40}}?\b(?:{'|'.join(after)})\b"
    )

"""Tell how a session ended by its last turns: a rule for each outcome, and UNKNOWN where none applies.

Rules cannot tell whether an answer is right. They recognise that the chatbot handed over, that it had no answer or a
fault, that it waited for a reply in vain, and what the user said about the answer. An answer that the user did not
react to is UNKNOWN.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.offline.cues import CueRule
from livedash_core.analysis.offline.text import fold, sentences, words
from livedash_core.analysis.offline.wordlists import load
from livedash_core.enums import Missing, SessionOutcome

Sign = Literal[
    "no_answer", "fault", "broken", "wrong", "unhelped", "confirmed", "offers_more", "asks_helped", "yes", "no"
]
#: A longer reply of the user is more than a confirmation.
MAX_CONFIRMATION_WORDS = 25
MAX_YES_OR_NO_WORDS = 6
#: A shorter text is no question of its own: "ok?", "En dan?" after an answer is one.
MIN_QUESTION_WORDS = 2


class Ending(NamedTuple):
    """How a session ended, and why."""

    outcome: SessionOutcome
    reason: str
    missing: Missing | None = None


class OutcomeRule:
    """Matches ``data/outcome.json``: {sign: [regex]}, in all languages, because the bot may answer in another."""

    def __init__(self, cues: CueRule) -> None:
        self._cues = cues
        self._signs: dict[str, re.Pattern[str]] = {
            sign: re.compile("|".join(patterns)) for sign, patterns in load("outcome").items()
        }

    def __call__(self, turns: Sequence[Turn]) -> Ending:
        """The ending of a conversation; ``turns`` may be the ends of a long one."""
        others = [turn for turn in turns if turn.role != "User"]
        if self._cues("escalated", others) or self._cues("forwarded_hr", others):
            return Ending("HANDED_OVER", "The chatbot passed the matter to a person or named one.")
        if not others:
            return Ending("UNRESOLVED", "The chatbot did not reply.", "NO_ANSWER")
        last_user = max((number for number, turn in enumerate(turns) if turn.role == "User"), default=None)
        if last_user is None:
            return Ending("UNKNOWN", "The user said nothing.")
        said = fold(turns[last_user].content)
        answers = [fold(turn.content) for turn in turns[:last_user] if turn.role == "Assistant"]
        replies = [fold(turn.content) for turn in turns[last_user:] if turn.role == "Assistant"]
        reaction = self._reaction(said, answers[-1]) if answers else None
        if reaction is not None and not (replies and reaction.missing == "SYSTEM_FAULT"):
            return reaction
        if self._cues("escalated", [turn for turn in turns if turn.role == "User"]):
            return Ending("UNRESOLVED", "The user asked for a person and was not connected with one.", "NEEDS_PERSON")
        if self._asks(said) or not answers or not self._confirms(said, answers[-1]):
            return self._after(replies) if replies else self._left_open(said)
        failed = self._failure(answers[-1])
        return failed or Ending("RESOLVED", "The user confirmed the answer of the chatbot.")

    def _has(self, sign: Sign, folded: str) -> bool:
        return self._signs[sign].search(folded) is not None

    def _asks(self, folded: str) -> bool:
        return any(
            part.rstrip(" )!.").endswith("?") and len(words(part)) >= MIN_QUESTION_WORDS for part in sentences(folded)
        )

    def _confirms(self, said: str, answer: str) -> bool:
        if len(words(said)) <= MAX_YES_OR_NO_WORDS:
            final = _final(answer)
            if self._has("no", said) and self._has("offers_more", final):
                return True
            if self._has("yes", said) and self._has("asks_helped", final):
                return True
        return self._has("confirmed", said) and len(words(said)) <= MAX_CONFIRMATION_WORDS

    def _reaction(self, said: str, answer: str) -> Ending | None:
        """What the user's last message says against the answer before it."""
        if self._has("wrong", said):
            return Ending("UNRESOLVED", "The user said that the answer was wrong.", "WRONG_ANSWER")
        if self._has("broken", said):
            return Ending("UNRESOLVED", "The user said that something did not work.", "SYSTEM_FAULT")
        if self._has("unhelped", said) or (self._has("no", said) and self._has("asks_helped", _final(answer))):
            return Ending("UNRESOLVED", "The user said that the answer did not help.", "NO_ANSWER")
        return None

    def _failure(self, reply: str) -> Ending | None:
        """What a reply of the chatbot says about its own failure."""
        if self._has("fault", reply):
            return Ending("UNRESOLVED", "The chatbot reported a fault.", "SYSTEM_FAULT")
        if self._has("no_answer", reply):
            return Ending("UNRESOLVED", "The chatbot had no answer.", "NO_ANSWER")
        return None

    def _after(self, replies: Sequence[str]) -> Ending:
        """The ending by the chatbot's last reply, to which the user did not react."""
        last = replies[-1]
        if failed := self._failure(last):
            return failed
        final = _final(last)
        if self._asks(final) and not self._has("offers_more", final) and not self._has("asks_helped", final):
            return Ending("ABANDONED", "The user did not answer the last question of the chatbot.")
        return Ending("UNKNOWN", "The user did not react to the last answer.")

    def _left_open(self, said: str) -> Ending:
        if self._asks(said):
            return Ending("UNRESOLVED", "The last question of the user has no answer.", "NO_ANSWER")
        return Ending("UNKNOWN", "The conversation ends with a message of the user.")


def _final(folded: str) -> str:
    """The last sentence."""
    return (sentences(folded) or [""])[-1]

"""Classify the user's sentiment by word lists. Most HR chats are neutral, so the neutral band is wide."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from livedash_core.analysis.offline.courtesy import CourtesyRule
from livedash_core.analysis.offline.text import fold, phrases, sentences, words
from livedash_core.analysis.offline.wordlists import LINGUA_FRANCA, load
from livedash_core.enums import Sentiment

#: One phrase of praise or complaint reaches the threshold; a single positive or negative word does not.
PHRASE_WEIGHT = 2
THRESHOLD = 2
#: A negation inverts the following words up to this distance: "not a good answer".
NEGATION_REACH = 3

_SHOUT = re.compile(r"!{2,}|\b[A-Z]{3,}\W+[A-Z]{3,}\W+[A-Z]{2,}\b")
#: A demand that is shouted: "WHERE IS MY SALARY???", "ANSWER ME NOW".
_SHOUTED_DEMAND = re.compile(
    r"\b[A-ZÀ-Þ]{2,20}(?:\W{1,3}[A-ZÀ-Þ]{2,20}){2,8}\W{0,3}?(?:\?{2,}|!\?|\?!)"
    r"|\b[A-ZÀ-Þ]{2,20}(?:\W{1,3}[A-ZÀ-Þ]{2,20}){1,8} (?:NOW|NU|JETZT|SOFORT|MAINTENANT|AHORA)\b"
)
#: A question, or a procedure that the word for a complaint is a part of: it says nothing about the mood.
_QUESTION = re.compile(
    r"\?|procedure|procédure|procedimiento|regeling|formulier|formular|formulaire|formulario|\bform\b|stelle\b|policy"
    r"|informati|\b(?:weten|know|wissen|savoir|saber)\b|\bhow to\b"
)
_ANGRY, _HAPPY = re.compile("[😠😡🤬👎]"), re.compile("[😀😃😄😁😊🥰😍🎉👍]")


@dataclass(frozen=True, slots=True)
class _WordLists:
    """The word lists of a language, including the English ones."""

    praise: re.Pattern[str]
    complaints: re.Pattern[str]
    #: The word for a complaint, which a neutral question contains as well: "Where is the complaints form?"
    mentions: re.Pattern[str]
    #: Anger without a word for it: "for the third time", "how often do I have to ask".
    anger: re.Pattern[str]
    negations: frozenset[str]
    positive: frozenset[str]
    negative: frozenset[str]


class SentimentRule:
    """Weighs the user's words against ``data/sentiment.json``: {language: {list: [word, or phrase]}}."""

    def __init__(self, courtesy: CourtesyRule) -> None:
        self._courtesy = courtesy
        listed: dict[str, dict[str, list[str]]] = load("sentiment")
        english = listed[LINGUA_FRANCA]
        self._lists = {
            language: _WordLists(
                praise=phrases(own["praise"] + english["praise"]),
                complaints=phrases(own["complaints"] + english["complaints"]),
                mentions=phrases(own["mentions"] + english["mentions"]),
                anger=re.compile(rf"\b(?:{'|'.join(own['anger'] + english['anger'])})"),
                negations=frozenset(own["negations"] + english["negations"]),
                positive=frozenset(own["positive"] + english["positive"]),
                negative=frozenset(own["negative"] + english["negative"]),
            )
            for language, own in listed.items()
        }

    def __call__(self, lines: Sequence[str], language: str) -> Sentiment:
        """The sentiment of the user's unfolded ``lines``: capitals and exclamation marks count."""
        score = sum(self._score(sentence, language) for line in lines for sentence in sentences(fold(line)))
        text = "\n".join(lines)
        score += PHRASE_WEIGHT * (len(_HAPPY.findall(text)) - len(_ANGRY.findall(text)))
        score -= PHRASE_WEIGHT * bool(_SHOUTED_DEMAND.search(text))
        # Shouting only strengthens a negative score; alone it may be joy, or a heading.
        if score < 0 and _SHOUT.search(text):
            score -= 1
        if score <= -THRESHOLD:
            return "NEGATIVE"
        return "POSITIVE" if score >= THRESHOLD else "NEUTRAL"

    def _score(self, sentence: str, language: str) -> int:
        lists = self._lists.get(language, self._lists[LINGUA_FRANCA])
        complaints = len(lists.complaints.findall(sentence)) + len(lists.anger.findall(sentence))
        if not _QUESTION.search(sentence):
            complaints += len(lists.mentions.findall(sentence))
        if complaints:
            # Praise in the same sentence as a complaint is sarcasm: "great, my schedule changed again without a word".
            return -PHRASE_WEIGHT * complaints
        plain = self._courtesy.strip(sentence, language)
        spoken = words(plain)
        score, negated = 0, False
        for position, word in enumerate(spoken):
            is_negated = not lists.negations.isdisjoint(spoken[max(0, position - NEGATION_REACH) : position])
            negated = negated or is_negated
            if word in lists.positive:
                score += -1 if is_negated else 1
            elif word in lists.negative and not is_negated:
                score -= 1
        praise = PHRASE_WEIGHT * len(lists.praise.findall(plain))
        return score - praise if negated else score + praise

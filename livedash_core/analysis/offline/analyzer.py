"""The offline analyzer: each rule fills one field."""

from __future__ import annotations

from livedash_core.analysis.contract import Analysis, AnalysisRequest
from livedash_core.analysis.offline.category import CategoryRule
from livedash_core.analysis.offline.courtesy import CourtesyRule
from livedash_core.analysis.offline.cues import CueRule
from livedash_core.analysis.offline.language import LanguageRule
from livedash_core.analysis.offline.outcome import OutcomeRule
from livedash_core.analysis.offline.questions import QuestionRule
from livedash_core.analysis.offline.sentiment import SentimentRule
from livedash_core.analysis.offline.summary import summarize
from livedash_core.analysis.offline.text import fold, truncate
from livedash_core.enums import Sentiment

#: The categories that a message about harassment or exhaustion can have.
_TOPICS_OF_DISTRESS = ("SICK_LEAVE_RECOVERY", "OFFBOARDING", "PERSONAL_QUESTIONS")


class OfflineAnalyzer:
    """Analyses a session by rules and word lists, without a key, network access, cost or error.

    Creating one loads the word lists and eld's n-grams, about 0.3 s and 60 MB, so keep it. If eld was installed without
    bytecode, compiling its n-grams costs each process up to 5 s and a peak of 480 MB.
    """

    name = "offline"
    #: Change it with every change to a rule or a list.
    prompt_version = "rules-3"

    def __init__(self) -> None:
        self._language = LanguageRule()
        self._courtesy = CourtesyRule()
        self._sentiment = SentimentRule(self._courtesy)
        self._category = CategoryRule()
        self._cues = CueRule()
        self._outcome = OutcomeRule(self._cues)
        self._questions = QuestionRule(self._courtesy)

    async def analyze(self, request: AnalysisRequest) -> Analysis:
        """Analyse one session; a field that the rules cannot fill is ``und``, NEUTRAL, UNRECOGNIZED_OTHER, UNKNOWN
        or empty.
        """
        turns, omitted_characters = truncate(request.turns)
        user_messages = sum(turn.role == "User" for turn in request.turns)
        lines = [turn.content for turn in turns if turn.role == "User"]
        language, source = self._language("\n".join(lines), request.language_hint)
        category = self._category(self._courtesy.strip(fold(line), language) for line in lines)
        questions = self._questions(lines, language)
        sentiment: Sentiment = self._sentiment(lines, language)
        if self._cues("distress", turns):
            # Who is bullied by a manager does not ask for the manager's telephone number.
            sentiment = "NEGATIVE"
            category = category if category in _TOPICS_OF_DISTRESS else "PERSONAL_QUESTIONS"
        escalated, forwarded_hr = self._cues("escalated", turns), self._cues("forwarded_hr", turns)
        ending = self._outcome(turns)
        notes: dict[str, str | int] = {"language_from": source}
        if omitted_characters:
            notes["characters_omitted"] = omitted_characters
        return Analysis(
            language=language,
            sentiment=sentiment,
            escalated=escalated,
            forwarded_hr=forwarded_hr,
            category=category,
            summary=summarize(user_messages, category, questions, escalated=escalated, forwarded_hr=forwarded_hr),
            questions=questions,
            questions_language=language,
            outcome=ending.outcome,
            outcome_reason=ending.reason,
            missing=ending.missing,
            analyzer=self.name,
            prompt_version=self.prompt_version,
            notes=notes,
        )

    async def close(self) -> None:
        """Do nothing: the analyzer has no connections."""

"""Each rule by itself, on the cases that made it what it is."""

from __future__ import annotations

import pytest

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.offline.category import CategoryRule
from livedash_core.analysis.offline.courtesy import CourtesyRule
from livedash_core.analysis.offline.cues import CueRule
from livedash_core.analysis.offline.language import LanguageRule
from livedash_core.analysis.offline.questions import QuestionRule
from livedash_core.analysis.offline.sentiment import SentimentRule
from livedash_core.enums import Role

COURTESY = CourtesyRule()


@pytest.fixture(scope="module")
def language() -> LanguageRule:
    return LanguageRule()


def test_a_long_enough_text_takes_precedence_over_the_label(language: LanguageRule) -> None:
    # The sample CSV calls this Turkish.
    assert language("Spreek je ook turks?", "turkish") == ("nl", "text")
    assert language("hallo", "turkish") == ("tr", "csv")
    # French for sure, says eld, of three words that many languages have.
    assert language("oui ok si", "nl") == ("nl", "csv")
    # Long enough, but not reliable for eld.
    assert language("test test test test test", "nl") == ("nl", "csv")
    assert language("hallo", None) == ("und", "none")
    assert language("1234 5678 9012 3456 !!!", None) == ("und", "none")


def test_only_the_chosen_languages_are_candidates() -> None:
    assert LanguageRule(["en", "fr"])("Ik wil volgende week graag vakantie opnemen", None)[0] in ("en", "fr", "und")
    with pytest.raises(ValueError, match="eld does not know"):
        LanguageRule(["nl", "xx"])


@pytest.mark.parametrize(
    ("line", "sentiment"),
    [
        ("Hoi, bedankt, fijne dag!", "NEUTRAL"),
        ("dit is belachelijk", "NEGATIVE"),
        ("dit is niet goed en niet duidelijk", "NEGATIVE"),
        ("niet slecht en niet vervelend", "NEUTRAL"),
        ("dit is niet echt perfect", "NEGATIVE"),
        ("fijne dag en fijne avond", "NEUTRAL"),
        ("geweldig geholpen!!", "POSITIVE"),
        ("nou geweldig, alweer geen loon", "NEGATIVE"),
        ("goed", "NEUTRAL"),
        ("wat een vervelende bot", "NEUTRAL"),
        ("WAT EEN RARE vervelende bot!!", "NEGATIVE"),
        ("HIER STAAT MIJN ADRES!!", "NEUTRAL"),
        ("this is ridiculous", "NEGATIVE"),
        ("😡", "NEGATIVE"),
        ("👍", "POSITIVE"),
        ("👍 😡", "NEUTRAL"),
        ("bedankt voor niks", "NEGATIVE"),
    ],
)
def test_a_dutch_line_has_a_sentiment(line: str, sentiment: str) -> None:
    assert SentimentRule(COURTESY)([line], "nl") == sentiment


@pytest.mark.parametrize(
    ("role", "line", "escalated", "forwarded_hr"),
    [
        ("Assistant", "Neem contact op met HR via hr@example.com.", False, True),
        ("Assistant", "You do not need to contact HR.", False, False),
        ("Assistant", "Please don't hesitate to contact HR.", False, True),
        ("Assistant", "I can't see that. Contact HR.", False, True),
        ("Assistant", "Ich habe deine Anfrage an deine Vorgesetzte weitergeleitet.", True, False),
        ("Assistant", "I’ll connect you with a colleague.", True, False),
        ("User", "I want to talk to a real person", True, False),
        ("User", "Who is my manager?", False, False),
        ("User", "I will connect you with a colleague.", False, False),
        ("System", "Neem contact op met HR.", False, False),
    ],
)
def test_cues_depend_on_the_role(role: Role, line: str, escalated: bool, forwarded_hr: bool) -> None:
    rule = CueRule()
    turns = [Turn(role, line)]
    assert (rule("escalated", turns), rule("forwarded_hr", turns)) == (escalated, forwarded_hr)


@pytest.mark.parametrize(
    ("line", "category"),
    [
        ("urlaubsplanung 2026", "LEAVE_VACATION"),
        ("kilometervergoeding", "SALARY_COMPENSATION"),
        ("die novemberabrechnung", "SALARY_COMPENSATION"),
        ("vakanttie", "LEAVE_VACATION"),
        ("je voudrais poser des congés", "LEAVE_VACATION"),
        ("he perdido mi contraseña", "ACCESS_LOGIN"),
        ("om tot op de auf dem noch mit werk", "UNRECOGNIZED_OTHER"),
        ("who are you", "SOCIAL_QUESTIONS"),
        ("loonstrook" * 5, "UNRECOGNIZED_OTHER"),
        ("lalalaposie", "UNRECOGNIZED_OTHER"),
        ("x" * 500, "UNRECOGNIZED_OTHER"),
        ("loonstrook vakantie", "UNRECOGNIZED_OTHER"),
    ],
)
def test_words_compounds_and_misspellings_vote_and_a_tie_is_unrecognized(line: str, category: str) -> None:
    assert CategoryRule()([line]) == category


@pytest.mark.parametrize(
    ("line", "language", "questions"),
    [
        ("Hoi! Ik ben nieuw. Hoe laat begin ik? En waar?!", "nl", ("Hoe laat begin ik?", "En waar?!")),
        ("hallo, wanneer krijg ik mijn loon", "nl", ("hallo, wanneer krijg ik mijn loon",)),
        ("is goed", "nl", ()),
        ("ok? ?? 12?", "nl", ()),
        ("I wonder when I get paid", "en", ()),
        ("Wann kommt der Lohn\nWo finde ich das Portal", "de", ("Wann kommt der Lohn", "Wo finde ich das Portal")),
        ("Was? was? WAS?", "de", ()),
        ("A b? a B? c d? e f? g h? i j? k l?", "en", ("A b?", "c d?", "e f?", "g h?", "i j?")),
        ("wann kommt der lohn", "und", ()),
    ],
)
def test_questions_keep_the_users_own_words(line: str, language: str, questions: tuple[str, ...]) -> None:
    assert QuestionRule(COURTESY)([line], language) == questions

"""Normalise free-form labels to the values of the analysis contract.

A model without a strict schema answers "Leave & vacation", a CSV says "Dutch" or "happy". The functions are pure and
never raise. A label that they do not recognise is ``None`` (a language: ``und``), never a guess.
"""

from __future__ import annotations

import json
import re
import unicodedata
from contextlib import suppress
from functools import cache
from itertools import pairwise
from typing import TypeVar

from livedash_core.enums import (
    CATEGORIES,
    MISSING,
    SESSION_OUTCOMES,
    UNDETERMINED,
    Category,
    Missing,
    Sentiment,
    SessionOutcome,
)

_Value = TypeVar("_Value", bound=str)

#: Only the beginning of a longer text is read, which bounds the time.
_MAX_LABEL_CHARACTERS = 100
#: The languages in which the name of a language is recognised: English and those of the chats.
_NAMING_LOCALES = ("en", "nl", "de", "fr", "es", "it", "pl", "pt", "tr")

#: Said instead of a language. Some are codes of languages that no chat is in: Nauruan, Min Nan, Avaric.
_NO_LANGUAGE = frozenset(
    ("na", "nan", "n a", "nil", "null", "none", "unk", "und", "mul", "mis", "zxx", "xx", "xxx", "av", "un", "unknown",
     "no text", "no language", "not available", "undetermined", "undefined", "other", "mixed", "multiple")
)  # fmt: skip
_DENIALS = frozenset(("not", "unknown", "undetermined", "unclear", "neither", "niet", "nicht", "onbekend", "unbekannt"))

_POSITIVE = (
    "positive", "pos", "happy", "satisfied", "excited", "pleased", "grateful", "favorable", "favourable",
    "positief", "positiv", "positif", "positivo", "positiva", "pozytywny", "olumlu",
)  # fmt: skip
_NEGATIVE = (
    "negative", "neg", "unhappy", "dissatisfied", "frustrated", "angry", "annoyed", "sad", "upset", "unfavorable",
    "negatief", "negativ", "négatif", "negatif", "negativo", "negativa", "negatywny", "olumsuz",
)  # fmt: skip
_NEUTRAL = (
    "neutral", "neu", "mixed", "balanced", "neutraal", "neutre", "neutro", "neutra", "neutrale", "neutralny", "nötr",
)  # fmt: skip
_SENTIMENTS: dict[str, Sentiment] = {
    **dict.fromkeys(_POSITIVE, "POSITIVE"),
    **dict.fromkeys(_NEUTRAL, "NEUTRAL"),
    **dict.fromkeys(_NEGATIVE, "NEGATIVE"),
}
#: What a model adds to a sentiment: "slightly negative", "Sentiment.NEUTRAL".
_SENTIMENT_FILLERS = frozenset(
    ("sentiment", "slightly", "somewhat", "mostly", "very", "rather", "mildly", "overall", "tone", "to", "and", "the")
)
_OUTCOMES: dict[str, SessionOutcome] = {
    **dict.fromkeys(("solved", "answered", "completed", "success", "successful", "satisfied"), "RESOLVED"),
    **dict.fromkeys(("opgelost", "beantwoord", "gelöst", "beantwortet", "résolu", "resuelto", "resuelta"), "RESOLVED"),
    **dict.fromkeys(("unsolved", "unanswered", "failed", "failure", "open"), "UNRESOLVED"),
    **dict.fromkeys(("not resolved", "not solved", "not answered", "not helped"), "UNRESOLVED"),
    **dict.fromkeys(("onopgelost", "niet opgelost", "ungelöst", "nicht gelöst", "non résolu"), "UNRESOLVED"),
    **dict.fromkeys(("dropped", "abandonment", "afgebroken", "abgebrochen", "abandonné", "abandonado"), "ABANDONED"),
    **dict.fromkeys(("handover", "handoff", "hand over", "handed off", "hand off", "handedover"), "HANDED_OVER"),
    **dict.fromkeys(("transferred", "forwarded", "escalated", "referred", "redirected"), "HANDED_OVER"),
    **dict.fromkeys(("doorverwezen", "overgedragen", "übergeben", "weitergeleitet", "transféré"), "HANDED_OVER"),
    **dict.fromkeys(("unclear", "undetermined", "none", "n a", "na", "not applicable", "null"), "UNKNOWN"),
    **{name.replace("_", " ").casefold(): name for name in SESSION_OUTCOMES},
}
_MISSING: dict[str, Missing] = {
    **dict.fromkeys(("no answer", "answer", "knowledge", "no knowledge", "missing knowledge", "unknown"), "NO_ANSWER"),
    **dict.fromkeys(("wrong", "incorrect answer", "wrong information", "misunderstood"), "WRONG_ANSWER"),
    **dict.fromkeys(("fault", "system failure", "system error", "technical fault", "technical error"), "SYSTEM_FAULT"),
    **dict.fromkeys(("person", "human", "needs human", "needs a person", "human needed"), "NEEDS_PERSON"),
    **{name.replace("_", " ").casefold(): name for name in MISSING},
}
#: What a model adds to these values: "Outcome: RESOLVED".
_OUTCOME_FILLERS = frozenset(("outcome", "session", "sessionoutcome", "the", "a", "it", "was", "is", "by", "missing"))
_TRUE = ("true", "yes", "y", "1", "t", "ja", "j", "oui", "vrai", "sí", "si", "sì", "verdadero", "sim", "waar", "wahr")
_FALSE = (
    "false", "no", "n", "0", "f", "nee", "nein", "non", "faux", "falso", "não", "onwaar", "falsch",
    # Said of something that did not happen.
    "null", "none", "n a", "na", "nil", "not applicable", "not mentioned", "unknown",
)  # fmt: skip
_BOOLEANS = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
#: A list of questions that says that there are none.
_NOTHING = frozenset(("", "none", "n a", "na", "null", "nil", "no questions", "geen", "keine", "aucune", "ninguna"))
#: Only words that are not part of a category's name, which are recognised without this table.
_CATEGORY_SYNONYMS: dict[str, Category] = {
    "leave": "LEAVE_VACATION",
    "holiday": "LEAVE_VACATION",
    "holidays": "LEAVE_VACATION",
    "time off": "LEAVE_VACATION",
    "roster": "SCHEDULE_HOURS",
    "shifts": "SCHEDULE_HOURS",
    "working hours": "SCHEDULE_HOURS",
    "illness": "SICK_LEAVE_RECOVERY",
    "sickness": "SICK_LEAVE_RECOVERY",
    "pay": "SALARY_COMPENSATION",
    "payroll": "SALARY_COMPENSATION",
    "wages": "SALARY_COMPENSATION",
    "resignation": "OFFBOARDING",
    "uniform": "WORKWEAR_STAFF_PASS",
    "badge": "WORKWEAR_STAFF_PASS",
    "contact": "TEAM_CONTACTS",
    "password": "ACCESS_LOGIN",
    "general": "UNRECOGNIZED_OTHER",
    "unknown": "UNRECOGNIZED_OTHER",
    "uncategorized": "UNRECOGNIZED_OTHER",
    "unrecognised": "UNRECOGNIZED_OTHER",
    "miscellaneous": "UNRECOGNIZED_OTHER",
    "none": "UNRECOGNIZED_OTHER",
    **dict.fromkeys(
        ("verlof", "vakantie", "verlof vakantie", "urlaub", "urlaub und abwesenheit", "congés", "vacances",
         "vacaciones", "ferie", "férias", "annual leave", "vacation leave"),
        "LEAVE_VACATION",
    ),
    **dict.fromkeys(("rooster", "werktijden", "dienstplan", "arbeitszeit", "planning", "horario"), "SCHEDULE_HOURS"),
    **dict.fromkeys(
        ("ziekte", "ziekteverzuim", "ziekmelding", "krankheit", "krankmeldung", "maladie", "arrêt maladie",
         "baja por enfermedad", "sick", "sick leave"),
        "SICK_LEAVE_RECOVERY",
    ),
    **dict.fromkeys(("salaris", "loon", "gehalt", "lohn", "salaire", "salario", "nómina"), "SALARY_COMPENSATION"),
    **dict.fromkeys(("werkkleding", "arbeitskleidung", "tenue de travail", "ropa de trabajo"), "WORKWEAR_STAFF_PASS"),
    **dict.fromkeys(("overig", "sonstiges", "autre", "autres", "otro", "otros", "other"), "UNRECOGNIZED_OTHER"),
}  # fmt: skip
_CATEGORY_WORDS: dict[Category, frozenset[str]] = {name: frozenset(name.casefold().split("_")) for name in CATEGORIES}


def language_code(text: str) -> str:
    """ISO 639-1 for a tag ("nl-NL", "NL", "dut"), a name ("Dutch", "Nederlands") or a phrase with one ("it is Dutch").

    Of several languages ("Dutch/English") it is the first; otherwise ``und``. Names and aliases come from the CLDR,
    through Babel.
    """
    name = _folded(text)
    if not name or name in _NO_LANGUAGE:
        return UNDETERMINED
    languages = _languages()
    if name in languages:
        return languages[name]
    first = re.split(r"[/,;|&+(\[]", text.strip("([ ")[:_MAX_LABEL_CHARACTERS])[0].strip()
    # A code counts alone, or with a country: in "it is Dutch" and "no text" the short words are English.
    if tag := re.fullmatch(r"([A-Za-z]{2,3})(?:[-_][A-Za-z0-9]{2,8})*[.:]?", first):
        code = tag[1].casefold()
        return UNDETERMINED if code in _NO_LANGUAGE else languages.get(code, UNDETERMINED)
    words = name.split()
    if not _DENIALS.isdisjoint(words):
        return UNDETERMINED
    pairs = [f"{word} {following}" for word, following in pairwise(words)]
    for position, word in enumerate(words):
        for key in (*pairs[position : position + 1], word):
            if len(key) > 3 and key in languages:
                return languages[key]
    return UNDETERMINED


def sentiment(text: str) -> Sentiment | None:
    """POSITIVE, NEUTRAL or NEGATIVE for "positive", "Happy", "neg."."""
    name = _folded(text)
    if name in _SENTIMENTS:
        return _SENTIMENTS[name]
    said = {_SENTIMENTS.get(word) for word in name.split() if word not in _SENTIMENT_FILLERS}
    return said.pop() if len(said) == 1 else None


def session_outcome(text: str) -> SessionOutcome | None:
    """The outcome for its name in any case, a synonym ("solved", "handed off"), or a text that begins with one."""
    return _beginning(text, _OUTCOMES)


def missing(text: str) -> Missing | None:
    """What an unresolved session lacked, for its name in any case, a synonym, or a text that begins with one."""
    return _beginning(text, _MISSING)


def _beginning(text: str, known: dict[str, _Value]) -> _Value | None:
    words = [word for word in _folded(text).split() if word not in _OUTCOME_FILLERS]
    beginnings = (" ".join(words[:length]) for length in range(len(words), 0, -1))
    return next((known[beginning] for beginning in beginnings if beginning in known), None)


def boolean(text: str) -> bool | None:
    """True or False for "yes", "True", "nee", "0", "N/A"."""
    return _BOOLEANS.get(_folded(text))


def listed(text: str) -> list[str]:
    """The elements of a list that was written as text: lines, bullets, numbers, or JSON; empty for "none"."""
    if text.lstrip().startswith("["):
        with suppress(ValueError, RecursionError):
            found = json.loads(text, strict=False)
            return [each for each in found if isinstance(each, str)]
    lines = (re.sub(r"^\s*(?:[-*•–]|\(?\d{1,2}[.):])\s*", "", line) for line in text.splitlines())
    return [line for line in lines if _folded(line) not in _NOTHING]


def category(text: str) -> Category | None:
    """The category for its name in any case and word order, or for words that are part of only one name."""
    name = _folded(text)
    if name in _CATEGORY_SYNONYMS:
        return _CATEGORY_SYNONYMS[name]
    words = frozenset(name.split()) - {"and", "en", "und", "or", "et", "y", "category"}
    if not words:
        return None
    named = [known for known, own_words in _CATEGORY_WORDS.items() if own_words <= words]
    if len(named) == 1:
        return named[0]  # "LEAVE_VACATION (days off)"
    candidates = [known for known, own_words in _CATEGORY_WORDS.items() if words <= own_words]
    return candidates[0] if len(candidates) == 1 else None


def _folded(text: str) -> str:
    plain = unicodedata.normalize("NFKC", text[:_MAX_LABEL_CHARACTERS]).casefold()
    return re.sub(r"[\W_]+", " ", plain).strip()


@cache
def _languages() -> dict[str, str]:
    """Folded name, alias or code → two-letter code. Built at first use: 0.2 s and 1 700 entries."""
    from babel import Locale
    from babel.core import get_global

    tags: dict[str, str] = {}
    for locale in reversed(_NAMING_LOCALES):  # English is last, so that its names take precedence
        tags |= {_folded(str(name)): str(tag) for tag, name in Locale(locale).languages.items()}
    tags |= {str(alias): str(tag) for alias, tag in get_global("language_aliases").items()}
    tags |= {str(code): str(code) for code in Locale("en").languages if len(str(code)) == 2}
    return {key: code for key, tag in tags.items() if len(code := tag.partition("_")[0]) == 2}

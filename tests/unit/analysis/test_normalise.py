from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.analysis import normalise
from livedash_core.enums import CATEGORIES, SENTIMENTS


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("nl", "nl"),
        ("NL", "nl"),
        ("nl-NL", "nl"),
        ("nl_BE", "nl"),
        ("zh-Hans", "zh"),
        ("nld", "nl"),
        ("dut", "nl"),
        ("iw", "he"),
        ("Dutch", "nl"),
        (" dutch. ", "nl"),
        ("Nederlands", "nl"),
        ("Niederländisch", "nl"),
        ("Vlaams", "nl"),
        ("turkish", "tr"),
        ("Türkçe", "tr"),
        ("Brazilian Portuguese", "pt"),
        ("Chinese (Simplified)", "zh"),
        ("Swiss German", "de"),
        ("English/Dutch", "en"),
        pytest.param("Dutch" + " " * 100 + "and much more of it", "nl", id="only the beginning is read"),
        ("zxx", "und"),
        ("und", "und"),
        ("xx", "und"),
        ("", "und"),
        ("??", "und"),
        ("None", "und"),
        ("I really could not say, perhaps Dutch", "und"),
    ],
)
def test_a_language_is_recognised_by_tag_and_by_name(label: str, code: str) -> None:
    assert normalise.language_code(label) == code


@pytest.mark.parametrize("category", CATEGORIES)
@pytest.mark.parametrize(
    "spelling", [str, str.lower, str.title, lambda name: name.replace("_", " & "), lambda name: name.replace("_", "/")]
)
def test_a_category_is_recognised_in_any_spelling(category: str, spelling: type[str]) -> None:
    assert normalise.category(spelling(category)) == category


@pytest.mark.parametrize(
    ("label", "category"),
    [
        ("Leave & vacation", "LEAVE_VACATION"),
        ("vacation and leave", "LEAVE_VACATION"),
        ("leave", "LEAVE_VACATION"),
        ("sick leave", "SICK_LEAVE_RECOVERY"),
        ("Salary", "SALARY_COMPENSATION"),
        ("Other", "UNRECOGNIZED_OTHER"),
        ("hours", None),
        ("questions", None),
        ("and", None),
        ("", None),
        ("Language inquiry", None),
    ],
)
def test_a_category_is_recognised_by_words_of_its_name_alone(label: str, category: str | None) -> None:
    assert normalise.category(label) == category


@pytest.mark.parametrize(
    ("label", "sentiment"),
    [("positive", "POSITIVE"), ("Happy", "POSITIVE"), ("neg.", "NEGATIVE"), ("mixed", "NEUTRAL"), ("meh", None)],
)
def test_a_sentiment_is_recognised_by_synonyms(label: str, sentiment: str | None) -> None:
    assert normalise.sentiment(label) == sentiment


@pytest.mark.parametrize(
    ("label", "truth"), [("Yes", True), ("ja", True), ("TRUE", True), ("0", False), ("Nein", False), ("maybe", None)]
)
def test_a_boolean_is_recognised_by_synonyms(label: str, truth: bool | None) -> None:
    assert normalise.boolean(label) is truth


@given(st.text(st.characters()))
def test_no_label_raises(label: str) -> None:
    code = normalise.language_code(label)
    assert code == "und" or (len(code) == 2 and code.isalpha())
    assert normalise.category(label) in (*CATEGORIES, None)
    assert normalise.sentiment(label) in (*SENTIMENTS, None)
    assert normalise.boolean(label) in (True, False, None)


@pytest.mark.parametrize(
    ("label", "code"),
    [
        *(
            (label, "und")
            for label in ("NA", "N/A", "n.a.", "None", "null", "NaN", "no text", "unknown", "-", "?", "mul")
        ),
        *((label, "und") for label in ("not English", "geen tekst", "I do not know", "no language detected", "mixed")),
        *(
            (label, "nl")
            for label in ("it is Dutch", "It's Dutch.", "Nederlands", "nl-NL", "nl_BE", "NL.", "nl (Dutch)")
        ),
        *(
            (label, "nl")
            for label in ("Dutch/English", "nl/en", "nl, en", "Dutch (Netherlands)", "mostly Dutch with English")
        ),
        *(
            (label, "nl")
            for label in ("The user writes in Dutch", "Dutch; some English", "Niederländisch", "néerlandais")
        ),
        ("English and Dutch", "en"),
        ("zh-Hans-CN", "zh"),
        ("Brazilian Portuguese", "pt"),
        ("it", "it"),
        ("no", "no"),
        ("is", "is"),
        ("Norwegian Bokmål", "nb"),
    ],
)
def test_a_phrase_about_a_language_names_it(label: str, code: str) -> None:
    assert normalise.language_code(label) == code

"""The rule that merges questions without a model: precise on labelled pairs, and safe with any text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.insights.topics.names import as_name
from livedash_core.insights.topics.wording import contradiction, is_follow_up, read
from tests.eval.question_pairs import PRECISION_FLOOR, LabelledPair, load_pairs, measure

PAIRS = load_pairs()


def is_same(pair: LabelledPair) -> bool:
    first, second = (read(question.text, question.language) for question in (pair.first, pair.second))
    return first.digest == second.digest


def test_there_are_enough_pairs_of_each_kind() -> None:
    assert len(PAIRS) >= 2000
    assert sum(pair.same for pair in PAIRS) >= 500
    assert {pair.set for pair in PAIRS} == {"tuned", "held"}


@pytest.mark.parametrize("name", ["tuned", "held"])
def test_merges_without_a_model_are_precise(name: str) -> None:
    measured = measure([pair for pair in PAIRS if pair.set == name], is_same)

    assert measured.precision >= PRECISION_FLOOR
    # A rule that merges next to nothing would be precise, too.
    assert measured.made >= 100
    assert measured.recall >= 0.65


def test_a_labelled_question_stands_alone() -> None:
    questions = {question for pair in PAIRS for question in (pair.first, pair.second)}
    assert [each.text for each in questions if is_follow_up(each.text, each.language)] == []


@pytest.mark.parametrize(
    ("language", "question"),
    [
        ("en", "And the pension?"),
        ("en", "Can it be faster?"),
        ("en", "Why?"),
        ("en", "What do I need to do then?"),
        ("nl", "Wat moet ik doen?"),
        ("nl", "En het pensioen?"),
        ("nl", "Kan het sneller?"),
        ("nl", "En hoe lang duurt dat?"),
        ("de", "Wie geht das?"),
        ("de", "Und die Rente?"),
        ("de", "Was muss ich tun?"),
        ("fr", "Et pour la retraite ?"),
        ("fr", "Comment ça marche ?"),
        ("es", "¿Y cuándo?"),
        ("es", "¿Qué tengo que hacer?"),
        ("und", "?"),
    ],
)
def test_a_question_that_means_nothing_alone_is_a_follow_up(language: str, question: str) -> None:
    assert is_follow_up(question, language)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("After 2 years of sickness, who pays?", "After 1 year of sickness, who pays?"),
        ("When will I receive my salary?", "When will my salary be raised?"),
        ("Is the training mandatory?", "Is the training not mandatory?"),
        ("When does my contract end?", "When does her contract end?"),
        ("When does my shift start?", "When does my shift end?"),
        ("How do I report sick?", "How do I report that I am better?"),
    ],
)
def test_what_a_model_may_not_call_the_same_alone(first: str, second: str) -> None:
    assert contradiction(read(first, "en"), read(second, "en"))
    assert contradiction(read(second, "en"), read(first, "en"))
    assert contradiction(read(first, "en"), read(first, "en")) is None


def test_contradictions_are_seldom_wrong() -> None:
    same = [pair for pair in PAIRS if pair.same]
    wrong = [
        pair
        for pair in same
        if contradiction(read(pair.first.text, pair.first.language), read(pair.second.text, pair.second.language))
    ]
    assert len(wrong) <= 0.02 * len(same)


@given(st.text(max_size=500), st.sampled_from(["en", "nl", "de", "fr", "es", "und", ""]))
def test_any_text_is_read(text: str, language: str) -> None:
    assert read(text, language).digest == read(text.upper().lower(), language).digest or text.upper().lower() != text
    is_follow_up(text, language)


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "x" * 61, None, 5, ["a"]])
def test_what_is_no_name(name: object) -> None:
    assert as_name(name) is None


def test_a_name_is_one_printable_line() -> None:
    assert as_name(" Pay\nslip\x1b[31m \u202eé ") == "Pay slip [31m é"

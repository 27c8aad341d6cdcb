from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livedash_core.parsing.questions import MAX_CHARACTERS, MAX_QUESTIONS, clean_questions, normal_form


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("How do I request leave?", "how do i request LEAVE"),
        ("How do I  request\nleave\t??", "¿How do I request leave?"),
        ("What's my salary?", "What’s my salary?"),
        ("Where is the ﬁrm’s Ａpp?", "where is the firm's app"),
        ("Wo ist die Straße?", "WO IST DIE STRASSE"),
        ("Cafe\u0301 hours?", "Caf\u00e9 hours?"),
        ("Over\u00adtime?", "\u202aOver\u200btime\u202c?"),
        ("Cafe\u200d\u0301 hours?", "Caf\u00e9 hours?"),
        ("Part-time?", "part time?"),
        ("⑴ What is the ℡ number?", "(1) what is the tel number"),
        ("Is it 1,500 hours?", "Is it 1.500 hours?"),
    ],
)
def test_two_spellings_are_one_question(one: str, other: str) -> None:
    assert normal_form(one) == normal_form(other) != ""


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Do I get a raise after 6 months?", "Do I get a raise after 12 months?"),
        ("Is it 1.5 hours?", "Is it 15 hours?"),
        ("Do I get €100?", "Do I get $100?"),
        ("When is my salary paid?", "When was my salary paid?"),
        ("мой отпуск?", "твой отпуск?"),
        ("हिंदी?", "हंद?"),  # vowel signs are marks, not punctuation
    ],
)
def test_two_questions_stay_two(one: str, other: str) -> None:
    assert normal_form(one) != normal_form(other)


@pytest.mark.parametrize("nothing", ["", " \n\t", "?!…", "\u200b\u200e", "\ud800", "—"])
def test_text_without_letters_has_an_empty_form(nothing: str) -> None:
    assert normal_form(nothing) == ""


@example("\ufdfa" * MAX_CHARACTERS)
@given(st.text(st.characters()) | st.text("\ufdfaﬃ½İ\u0301ß?- 6", max_size=600))
@settings(max_examples=100, deadline=None)
def test_the_form_fits_a_postgresql_index_entry(text: str) -> None:
    form = normal_form(text)
    assert len(form) <= MAX_CHARACTERS
    assert len(form.encode("utf-8")) <= 2_000
    assert form == " ".join(form.split())


@given(st.text(st.characters(codec="latin-1"), max_size=200))
@settings(max_examples=100, deadline=None)
def test_case_white_space_and_a_question_mark_make_no_difference(text: str) -> None:
    assert normal_form(f"  {text.upper()}\t?") == normal_form(text.upper()) == normal_form(text.upper().lower())


def test_the_first_five_distinct_questions_are_kept_unchanged() -> None:
    raw = ["  How  much\nleave? ", "HOW MUCH LEAVE", "", "??", "B?", "C?", "D?", "E?", "F?"]
    assert clean_questions(raw) == ("How much leave?", "B?", "C?", "D?", "E?")


@pytest.mark.parametrize("junk", [None, 1, 2.5, True, ["A?"], {"q": "A?"}, b"A?"])
def test_anything_but_a_string_is_dropped(junk: object) -> None:
    assert clean_questions([junk, "A?", junk]) == ("A?",)


def test_a_long_question_is_cut_and_cut_alike_means_equal() -> None:
    assert clean_questions(["x" * 600 + "1", "x" * 600 + "2"]) == ("x" * MAX_CHARACTERS,)


def test_characters_that_postgresql_refuses_are_removed() -> None:
    assert clean_questions(["a\0b\ud800?"]) == ("ab\ufffd?",)


@given(st.lists(st.text(st.characters(), max_size=9) | st.sampled_from([None, 1, ["A?"], "A?", "a", "??"]), max_size=9))
@settings(max_examples=100, deadline=None)
def test_questions_of_any_reply_are_few_distinct_and_storable(raw: list[object]) -> None:
    questions = clean_questions(raw)
    assert len(questions) <= MAX_QUESTIONS
    assert len({normal_form(question) for question in questions} - {""}) == len(questions)
    assert all(0 < len(question) <= MAX_CHARACTERS for question in questions)
    assert "\0" not in "".join(questions)
    "".join(questions).encode("utf-8")
    assert clean_questions(questions) == questions

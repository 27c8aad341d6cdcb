"""Constants, durations, changes and amounts as text."""

from __future__ import annotations

from decimal import Decimal

import pytest

from livedash_core.costs.amounts import amount
from livedash_core.web.labels import change, duration, language
from livedash_core.words import count_of, title


@pytest.mark.parametrize(
    ("constant", "words"),
    [
        ("CSV_IMPORT", "CSV import"),
        ("AI_ANALYSIS", "AI analysis"),
        ("LEAVE_VACATION", "Leave and holidays"),
        ("NEGATIVE", "Negative"),
    ],
)
def test_a_constant_is_written_as_words(constant: str, words: str) -> None:
    assert title(constant) == words


@pytest.mark.parametrize(
    ("number", "noun", "words"),
    [
        (0, "session", "0 sessions"),
        (1, "session", "1 session"),
        (2000, "session", "2,000 sessions"),
        (1, "company", "1 company"),
        (3, "company", "3 companies"),
        (2, "day", "2 days"),
        (2, "failed session", "2 failed sessions"),
    ],
)
def test_a_count_has_its_noun_in_the_singular_or_the_plural(number: int, noun: str, words: str) -> None:
    assert count_of(number, noun) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "–"),
        (0.0123, "12 ms"),
        (0.0996, "0.1 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119, "119 s"),
        (121, "2 min"),
        (7300, "2 h"),
        (200_000, "2 days"),
    ],
)
def test_a_duration_is_formatted_briefly(seconds: float | None, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(
    ("now", "before", "words"),
    [(3, 2, "+50%"), (1, 2, "-50%"), (2, 2, "±0%"), (2, 0, "new"), (0, 0, "–"), (0, 3, "-100%")],
)
def test_a_change_is_formatted_as_a_percentage(now: int, before: int, words: str) -> None:
    assert change(now, before) == words


@pytest.mark.parametrize(
    ("value", "written"),
    [("0", "$0.00"), ("1234.5", "$1,234.50"), ("0.5", "$0.50"), ("0.000123456", "$0.00012"), ("0.019", "$0.019")],
)
def test_money_shows_two_significant_digits(value: str, written: str) -> None:
    assert amount(Decimal(value)) == written


@pytest.mark.parametrize(
    ("code", "name"),
    [("nl", "Dutch"), ("de", "German"), ("pt-BR", "Portuguese"), ("xx-unknown", "xx-unknown"), (None, "–")],
)
def test_a_language_has_a_name(code: str | None, name: str) -> None:
    assert language(code) == name

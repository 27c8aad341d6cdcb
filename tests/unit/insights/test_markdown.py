"""A report as Markdown: complete, and no foreign text is markup."""

from __future__ import annotations

from datetime import date
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.insights.counts import Counts
from livedash_core.insights.markdown import as_markdown, escape
from livedash_core.insights.periods import Period
from livedash_core.insights.reading import AskedQuestion
from livedash_core.insights.report import Report

PERIOD = Period(date(2026, 3, 2), date(2026, 3, 8))
NOW = Counts(
    {
        "session": {"": 10},
        "analysed": {"true": 10},
        "outcome": {"RESOLVED": 6, "UNRESOLVED": 3, "HANDED_OVER": 1},
        "sentiment": {"NEGATIVE": 2, "NEUTRAL": 8},
        "category_outcome": {"ONBOARDING/UNRESOLVED": 3, "ONBOARDING/RESOLVED": 1, "OFFBOARDING/HANDED_OVER": 1},
    }
)
BEFORE = Counts(
    {"session": {"": 5}, "analysed": {"true": 5}, "outcome": {"RESOLVED": 4, "UNKNOWN": 1}, "sentiment": {"NEUTRAL": 5}}
)


def test_the_three_answers_are_in_order() -> None:
    text = as_markdown(Report(PERIOD, NOW, BEFORE, ("Today is not over.",)), [], "Acme")
    going, asked, fix = (text.index(f"## {title}?") for title in (
        "How is it going", "What do people ask", "What to fix first"
    ))  # fmt: skip
    assert going < asked < fix
    assert "| Sessions | 10 | 100% | +100% |" in text
    assert "| Resolved | 6 | 60% | -20 points |" in text
    assert "| Onboarding | 3 | 3 | 0 | 75% |\n| Offboarding | 1 | 0 | 1 | 100% |" in text
    assert "Today is not over." in text


def test_nothing_to_compare_with_is_said() -> None:
    assert "nothing to compare with" in as_markdown(Report(PERIOD, NOW, Counts({}), ()), [], "Acme")
    unknown = Counts({"session": {"": 5}, "analysed": {"true": 5}})
    assert "| Resolved | 6 | 60% | not comparable |" in as_markdown(Report(PERIOD, NOW, unknown, ()), [], "Acme")


@pytest.mark.parametrize(
    "hostile",
    [
        "<script>alert(1)</script>", "[click](https://evil.example)", "![x](y)", "a | b", "# heading\n# again",
        "```\ncode", "\n\n---\n", "<https://evil.example>", "@everyone", "&lt;b&gt;", "*bold* _x_ ~y~ `z`", "\x1b[31m",
    ],
)  # fmt: skip
def test_a_hostile_question_is_one_line_of_text(hostile: str) -> None:
    question = AskedQuestion(1, hostile, uuid4(), 7)
    text = as_markdown(Report(PERIOD, NOW, BEFORE, ()), [question], hostile)
    (line,) = [line for line in text.splitlines() if line.startswith("1. ")]
    assert line == f"1. {escape(hostile)} (7)"
    assert text.count("\n## ") == 3


@given(st.text(max_size=50))
def test_escaped_text_has_no_punctuation_that_stands_alone(text: str) -> None:
    escaped = escape(text)
    assert "\n" not in escaped
    position = 0
    while position < len(escaped):
        if escaped[position] == "\\":
            position += 2
            continue
        assert escaped[position] not in "`*_{}[]()<>#|!~&@"
        position += 1

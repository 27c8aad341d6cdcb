from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.parsing.text import clean


@pytest.mark.parametrize(
    ("dirty", "expected"),
    [
        ("a\0b\0", "ab"),
        ("\ud800x\udfff", "\ufffdx\ufffd"),
        (" \t\r\n\x07\u200b\ufeff\u202e ", " \t\r\n\x07\u200b\ufeff\u202e "),
        ("", ""),
    ],
)
def test_only_nul_and_lone_surrogates_are_changed(dirty: str, expected: str) -> None:
    assert clean(dirty) == expected


@given(st.text(st.characters()))
@settings(max_examples=100, deadline=None)
def test_clean_text_can_be_encoded_and_stays_as_it_is(text: str) -> None:
    cleaned = clean(text)
    cleaned.encode("utf-8")
    assert "\0" not in cleaned
    assert clean(cleaned) == cleaned

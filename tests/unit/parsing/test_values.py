from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.parsing.values import MAX_INTEGER, MIN_INTEGER, decimal, integer

UNREADABLE = [
    *(None, "", " ", "-", "abc", "nan", "inf", "-Infinity", "1_000", "٣", "²", "1e3", "0x10", "1 000", "--1", "1 2"),
    *("2147483648", "-2147483649", "9" * 5_000, "1\n2", "NULL", "12€"),
]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", 12),
        (" -7 ", -7),
        ("+3", 3),
        ("007", 7),
        ("0" * 5_000 + "1", 1),
        ("2147483647", MAX_INTEGER),
        ("-2147483648", MIN_INTEGER),
    ],
)
def test_a_whole_number_is_read(text: str, expected: int) -> None:
    assert integer(text) == expected


@pytest.mark.parametrize("text", [*UNREADABLE, "1.5", "1,5", "1."])
def test_an_invalid_whole_number_is_none(text: str | None) -> None:
    assert integer(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12", Decimal(12)),
        ("0.1", Decimal("0.1")),
        ("0,1", Decimal("0.1")),
        (" -3.50 ", Decimal("-3.50")),
        ("1.234", Decimal("1.234")),
        ("2147483647", Decimal(MAX_INTEGER)),
    ],
)
def test_a_number_with_a_point_or_comma_is_read_exactly(text: str, expected: Decimal) -> None:
    assert decimal(text) == expected


@pytest.mark.parametrize("text", [*UNREADABLE, "1.234,56", "1,234.56", "1.", ".5", "2147483647.5", "0." + "1" * 31])
def test_an_invalid_number_is_none(text: str | None) -> None:
    assert decimal(text) is None


@given(st.integers(MIN_INTEGER, MAX_INTEGER))
@settings(max_examples=100, deadline=None)
def test_every_postgresql_integer_is_read_back(number: int) -> None:
    assert integer(str(number)) == number
    assert decimal(str(number)) == number


@given(st.text())
@settings(max_examples=100, deadline=None)
def test_any_text_is_read_or_none_and_stays_in_bounds(text: str) -> None:
    for number in (integer(text), decimal(text)):
        assert number is None or MIN_INTEGER <= number <= MAX_INTEGER

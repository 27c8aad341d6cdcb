from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.parsing.number_style import NumberStyle
from livedash_core.parsing.values import MAX_INTEGER, MIN_INTEGER, DecimalMark, decimal, integer

UNREADABLE = [
    *(None, "", " ", "-", "abc", "nan", "inf", "-Infinity", "1_000", "٣", "²", "1e400", "0x10", "1 00", "--1", "1 2"),
    *("2147483648", "-2147483649", "9" * 5_000, "1\n2", "NULL", "12$", "1,23.45", "1.23,45", "12e"),
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
        *(("1234.0", 1234), ("4,0", 4), ("1.", 1), ("1 234", 1234), ("1\u202f234", 1234)),
        *(("1.234", 1234), ("12,345", 12345), ("1.234.567", 1234567), ("1,234.00", 1234), ("1.234,0", 1234)),
    ],
)
def test_a_whole_number_is_read(text: str, expected: int) -> None:
    assert integer(text) == expected


@pytest.mark.parametrize("text", [*UNREADABLE, "1.5", "1,5", "1.234,5", "1e3"])
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
        *(
            ("9e-05", Decimal("0.00009")),
            ("1.5E-4", Decimal("0.00015")),
            (".5", Decimal("0.5")),
            (",5", Decimal("0.5")),
        ),
        *(("1 234,5", Decimal("1234.5")), ("1\u00a0234,5", Decimal("1234.5")), ("1'234.5", Decimal("1234.5"))),
        *(("1.234,56", Decimal("1234.56")), ("1,234.56", Decimal("1234.56")), ("1.234.567,8", Decimal("1234567.8"))),
        *(("€ 0,02", Decimal("0.02")), ("0.02 €", Decimal("0.02")), ("EUR 0,02", Decimal("0.02"))),
        ("2147483647", Decimal(MAX_INTEGER)),
    ],
)
def test_a_number_with_a_point_or_comma_is_read_exactly(text: str, expected: Decimal) -> None:
    assert decimal(text) == expected


@pytest.mark.parametrize("text", [*UNREADABLE, "2147483647.5", "0." + "1" * 31])
def test_an_invalid_number_is_none(text: str | None) -> None:
    assert decimal(text) is None


@pytest.mark.parametrize(
    ("text", "mark", "expected"),
    [
        ("1,234", ",", Decimal("1.234")),
        ("1,234", ".", Decimal(1234)),
        ("1.234", ",", Decimal(1234)),
        ("1.234", ".", Decimal("1.234")),
        ("0.234", ",", Decimal("0.234")),
        ("1.5", ",", Decimal("1.5")),
        ("1,234,567", ",", Decimal(1234567)),
    ],
)
def test_an_ambiguous_number_is_read_by_its_files_decimal_mark(text: str, mark: DecimalMark, expected: Decimal) -> None:
    assert decimal(text, mark) == expected


@pytest.mark.parametrize(
    ("cells", "delimiter", "mark"),
    [
        (["1.234"], ",", "."),
        (["1.234"], ";", ","),
        (["1.234", "0,05"], ",", ","),
        (["1,234", "0.05"], ";", "."),
        (["1.234", "1,234.5"], ";", "."),
        (["1,234", "1.234.567"], ",", ","),
        ([None, "", "12", "text", "9e-05"], ",", "."),
    ],
)
def test_the_other_numbers_decide_on_the_decimal_mark(cells: list[str | None], delimiter: str, mark: str) -> None:
    style = NumberStyle()
    for cell in cells:
        style.add(None, cell, None, None)
    assert style.mark(delimiter) == mark


def test_numbers_that_cannot_be_read_are_counted_and_words_for_no_number_are_not():
    style = NumberStyle()
    for row in [
        ("2", "2.5", "700", "0.01"),
        ("two", "1.5s", "7.5", "?"),
        (None, "NULL", "-", "n/a"),
        ("1.0", "", "1 234", "5 €"),
    ]:
        style.add(*row)
    assert (style.unread, style.points) == (4, 1)


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

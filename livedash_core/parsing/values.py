"""Parses numbers in raw CSV cells. An invalid one is None: the raw cell is stored too.

A dot or comma between one to three digits and exactly three is ambiguous: ``1,234`` is a decimal fraction in one file
and 1234 in another. Which it is, is decided once for a file, from its other numbers (``number_style.py``).
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from livedash_core.parsing.text import is_null

#: PostgreSQL's ``integer``: https://www.postgresql.org/docs/current/datatype-numeric.html
MIN_INTEGER, MAX_INTEGER = -(2**31), 2**31 - 1

DecimalMark = Literal[".", ","]

# int() and Decimal() alone also accept 1_000, nan, inf and digits of other scripts.
_PLAIN = re.compile(r"[+-]?0*[0-9]{1,10}")
NUMBER = re.compile(r"[+-]?(?:[0-9]+[.,]?[0-9]*|[.,][0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
#: Digits in groups of three, by the character between the groups, with a fraction or without one.
GROUPED = {
    group: re.compile(rf"[+-]?[0-9]{{1,3}}(?:{re.escape(group)}[0-9]{{3}})+(?:{mark}[0-9]*)?")
    for group, mark in ((",", r"\."), (".", ","), (" ", "[.,]"), ("'", r"\."))
}
_AMBIGUOUS = re.compile(r"[+-]?[1-9][0-9]{0,2}[.,][0-9]{3}")
#: White space, no-break spaces and apostrophes that people write between groups of digits.
_SPACES = str.maketrans({"\u00a0": " ", "\u202f": " ", "\u2009": " ", "\u2007": " ", "\u2019": "'", "\u2212": "-"})
_CURRENCY = re.compile(r"(?:€|EUR)?\s*(.*?)\s*(?:€|EUR)?", re.DOTALL)
#: No number of the CSV is longer; longer cells are text.
_MAX_CHARACTERS = 64
_MAX_FRACTION_DIGITS = 30


def integer(text: str | None, mark: DecimalMark | None = None) -> int | None:
    """Parse a whole number within PostgreSQL's ``integer``, else return None.

    ``4.0`` is 4; exponents are for fractions. With three digits behind a dot or comma, these group thousands: a whole
    number has no fraction.
    """
    if text is None:
        return None
    text = text.strip()
    if _PLAIN.fullmatch(text):
        number = Decimal(text)
    else:
        if is_ambiguous(text):
            mark = "," if "." in text else "."
        read = decimal(text, mark)
        if read is None or read != read.to_integral_value() or "e" in normal(text).lower():
            return None
        number = read
    return int(number) if MIN_INTEGER <= number <= MAX_INTEGER else None


def decimal(text: str | None, mark: DecimalMark | None = None) -> Decimal | None:
    """Parse a number, exactly; None beyond the bounds of ``integer``.

    A decimal point or comma, groups of thousands (``1.234,56``, ``1,234.56``, ``1 234,5``), exponents (``9e-05``) and
    a euro sign are read. ``mark`` is the file's decimal mark, by which an ambiguous number is read; without one its
    only dot or comma is the decimal mark.
    """
    if text is None or len(text) > _MAX_CHARACTERS * 10:
        return None
    text = normal(text)
    if mark is not None and is_ambiguous(text) and mark not in text:
        text = text.replace(",", "").replace(".", "")
    elif not NUMBER.fullmatch(text):
        group = next((group for group, pattern in GROUPED.items() if pattern.fullmatch(text)), None)
        if group is None:
            return None
        text = text.replace(group, "")
    number = Decimal(text.replace(",", "."))
    exponent = number.as_tuple().exponent
    is_storable = isinstance(exponent, int) and exponent >= -_MAX_FRACTION_DIGITS
    return number if is_storable and MIN_INTEGER <= number <= MAX_INTEGER else None


def is_number(text: str) -> bool:
    """Return whether ``text`` can be read as a number, whichever its file's decimal mark."""
    return _PLAIN.fullmatch(text.strip()) is not None or decimal(text) is not None


def is_no_number(text: str | None) -> bool:
    """Return whether a cell says that there is no number; ``nan`` does not: a program failed to compute one."""
    return text is None or (is_null(text) and text.strip().lower() != "nan")


def is_ambiguous(text: str) -> bool:
    """Return whether the only dot or comma of a number may be a decimal mark or group thousands."""
    return _AMBIGUOUS.fullmatch(text.strip()) is not None


def normal(text: str) -> str:
    """Return a number without what is written around it: white space and a euro sign."""
    text = text.strip()
    if text.isascii() and text[:1] not in "Ee" and text[-1:] not in "Rr":
        return text
    match = _CURRENCY.fullmatch(text.translate(_SPACES))
    return match[1] if match else text

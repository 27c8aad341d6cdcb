"""Parses numbers in raw CSV cells. An invalid one is None: the raw cell is stored too."""

from __future__ import annotations

import re
from decimal import Decimal

#: PostgreSQL's ``integer``: https://www.postgresql.org/docs/current/datatype-numeric.html
MIN_INTEGER, MAX_INTEGER = -(2**31), 2**31 - 1

# int() and Decimal() alone also accept 1_000, nan, inf, 1e9 and digits of other scripts.
_INTEGER = re.compile(r"[+-]?0*[0-9]{1,10}")
_DECIMAL = re.compile(r"[+-]?0*[0-9]{1,10}([.,][0-9]{1,30})?")


def integer(text: str | None) -> int | None:
    """Parse a whole number within PostgreSQL's ``integer``, else return None."""
    if text is None or not _INTEGER.fullmatch(text.strip()):
        return None
    # Decimal, because int() refuses more than 4,300 digits, including leading zeros.
    number = int(Decimal(text.strip()))
    return number if MIN_INTEGER <= number <= MAX_INTEGER else None


def decimal(text: str | None) -> Decimal | None:
    """Parse a number with a decimal point or comma (never both), exactly; None beyond the bounds of ``integer``."""
    if text is None or not _DECIMAL.fullmatch(text.strip()):
        return None
    number = Decimal(text.strip().replace(",", "."))
    return number if MIN_INTEGER <= number <= MAX_INTEGER else None

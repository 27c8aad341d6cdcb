"""Numbers in raw CSV cells. What cannot be read is None: the raw cell is kept beside it."""

from __future__ import annotations

import re
from decimal import Decimal

#: PostgreSQL's ``integer``: https://www.postgresql.org/docs/current/datatype-numeric.html
MIN_INTEGER, MAX_INTEGER = -(2**31), 2**31 - 1

# int() and Decimal() alone would also take 1_000, nan, inf, 1e9 and digits of other scripts.
_INTEGER = re.compile(r"[+-]?0*[0-9]{1,10}")
_DECIMAL = re.compile(r"[+-]?0*[0-9]{1,10}([.,][0-9]{1,30})?")


def integer(text: str | None) -> int | None:
    """A whole number within PostgreSQL's ``integer``, else None."""
    if text is None or not _INTEGER.fullmatch(text.strip()):
        return None
    # By way of Decimal: int() refuses more than 4,300 digits, and zeros in front are digits too.
    number = int(Decimal(text.strip()))
    return number if MIN_INTEGER <= number <= MAX_INTEGER else None


def decimal(text: str | None) -> Decimal | None:
    """A number with a decimal point or comma (never both), exact, within the bounds of ``integer``, else None."""
    if text is None or not _DECIMAL.fullmatch(text.strip()):
        return None
    number = Decimal(text.strip().replace(",", "."))
    return number if MIN_INTEGER <= number <= MAX_INTEGER else None

"""Writes CSV lines in which no cell is a formula to a spreadsheet. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable

#: Characters that start a formula in spreadsheets (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def escape_formula(value: object) -> str:
    """Return ``value`` as text that no spreadsheet evaluates: a cell that starts a formula gets an apostrophe."""
    if value is None:
        return ""
    text = str(value)
    # Some programs trim leading spaces.
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def spreadsheet_line(cells: Iterable[object]) -> str:
    """Return a line of a CSV, with its end."""
    file = io.StringIO()
    csv.writer(file).writerow([escape_formula(cell) for cell in cells])
    return file.getvalue()

"""Finds out how a file writes numbers: which character is its decimal mark, and how many numbers cannot be read."""

from __future__ import annotations

import re

from livedash_core.parsing.values import (
    GROUPED,
    NUMBER,
    DecimalMark,
    integer,
    is_ambiguous,
    is_no_number,
    is_number,
    normal,
)

_WHOLE = r"(?:[0-9]{1,9}|None)"
#: Without three digits behind a point, except after a zero.
_POINT = r"(?:[0-9]{1,9}(?:\.(?:[0-9]{1,2}|[0-9]{4,12}))?|0\.[0-9]{1,12}|None)"
_PLAIN = re.compile(f"{_WHOLE} {_POINT} {_WHOLE} {_POINT}")


class NumberStyle:
    """Counts a file's numbers, row by row.

    ``points`` and ``commas`` are rows or numbers that can only be read with that decimal mark, ``ambiguous`` numbers
    can be read with either, and ``unread`` ones cannot be read.
    """

    def __init__(self) -> None:
        self.points = self.commas = self.ambiguous = self.unread = 0

    def add(self, messages: str | None, average: str | None, tokens: str | None, cost: str | None) -> None:
        """Count the numbers of a row."""
        written = f"{messages} {average} {tokens} {cost}"
        if _PLAIN.fullmatch(written):
            self.points += "." in written
            return
        for cell in (average, cost):
            if cell and not is_no_number(cell):
                self._add(normal(cell))
        self.unread += sum(not is_no_number(cell) and integer(cell) is None for cell in (messages, tokens))

    def mark(self, delimiter: str) -> DecimalMark:
        """Return the decimal mark of most numbers; if both are as frequent, the one that goes with the delimiter.

        Programs that write decimal commas separate cells by semicolons.
        """
        if self.points == self.commas:
            return "," if delimiter == ";" else "."
        return "," if self.commas > self.points else "."

    def _add(self, text: str) -> None:
        if is_ambiguous(text):
            self.ambiguous += 1
        elif NUMBER.fullmatch(text):
            self.points += "." in text
            self.commas += "," in text
        elif is_number(text):
            self.points += GROUPED[","].fullmatch(text) is not None or ("." in text and " " in text)
            self.commas += GROUPED["."].fullmatch(text) is not None or ("," in text and " " in text)
        else:
            self.unread += 1

"""Iterates over the physical lines of a file; lines can be returned and read again, within a limit."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import TextIO

from livedash_core.errors import PermanentError

#: What a line costs besides its characters, so that a million short lines are not held or read again at once.
LINE_OVERHEAD = 32
#: Characters that may be read again per character read, beyond an allowance of ``_INITIAL_ALLOWANCE``: without it a
#: file that opens a quote on every line would be read once for each of its lines.
_ALLOWANCE_PER_CHARACTER = 4
_INITIAL_ALLOWANCE = 16_777_216


class Lines:
    """The lines of a stream, with their ends (``\\n``, ``\\r\\n``, ``\\r``).

    Of a line longer than ``max_characters`` one character more is returned, and the rest is skipped. ``number`` is that
    of the latest line. Raises ``PermanentError`` for a line beyond ``max_lines``.
    """

    def __init__(self, stream: TextIO, *, max_characters: int, max_lines: int, allowance: int | None = None) -> None:
        self.number = 0
        self.max_characters = max_characters
        self._max_lines = max_lines
        self._stream = stream
        self._returned: deque[str] = deque()
        self._allowance = self._most_allowance = _INITIAL_ALLOWANCE if allowance is None else allowance
        self._read_since = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else self._read()
        if not line:
            raise StopIteration
        self.number += 1
        if self.number > self._max_lines:
            raise PermanentError(f"the file has more than {self._max_lines:,} lines")
        return line

    @property
    def may_look_ahead(self) -> bool:
        """Whether lines may still be returned."""
        self._extend_allowance()
        return self._allowance > 0

    def unread(self, lines: list[str]) -> None:
        """Return the latest lines, to be read again."""
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)
        self._extend_allowance()
        self._allowance -= sum(map(len, lines)) + LINE_OVERHEAD * len(lines)

    def _extend_allowance(self) -> None:
        """Add the characters read since the last call; called rarely, as nearly all lines are read once."""
        self._allowance = min(self._allowance + _ALLOWANCE_PER_CHARACTER * self._read_since, self._most_allowance)
        self._read_since = 0

    def _read(self) -> str:
        line = piece = self._stream.readline(self.max_characters + 1)
        while len(piece) > self.max_characters and piece[-1] not in "\r\n":
            piece = self._stream.readline(self.max_characters + 1)
        self._read_since += len(line)
        return line

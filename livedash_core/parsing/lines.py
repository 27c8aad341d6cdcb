"""The physical lines of a file, with a way back that a hostile file cannot make long."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator

from livedash_core.errors import PermanentError

#: Characters that may be read again for each one that is read, after the first of ``_AGAIN_AT_ONCE``: a file whose
#: every line opens a quote would be read two hundred times, each time up to the limit of a record.
_AGAIN_PER_CHARACTER = 4
_AGAIN_AT_ONCE = 16_777_216


class Lines:
    """The lines of a stream, with their ends (``\\n``, ``\\r\\n``, ``\\r``).

    A line longer than ``max_characters`` comes one character longer than that, and the rest of it is skipped.
    ``number`` is that of the line handed out last. Raises ``PermanentError`` for a line beyond ``max_lines``.
    """

    def __init__(self, stream: io.TextIOWrapper, *, max_characters: int, max_lines: int) -> None:
        self.number = 0
        self.max_characters = max_characters
        self._max_lines = max_lines
        self._stream = stream
        self._returned: deque[str] = deque()
        self._may_be_read_again = _AGAIN_AT_ONCE
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
        """Whether there is an allowance left to give lines back from."""
        self._count_what_was_read()
        return self._may_be_read_again > 0

    def unread(self, lines: list[str]) -> None:
        """The lines handed out last, to be handed out again."""
        self._returned.extendleft(reversed(lines))
        self.number -= len(lines)
        self._count_what_was_read()
        self._may_be_read_again -= sum(map(len, lines))

    def _count_what_was_read(self) -> None:
        """Now and then is often enough: nearly all lines are read once."""
        self._may_be_read_again = min(self._may_be_read_again + _AGAIN_PER_CHARACTER * self._read_since, _AGAIN_AT_ONCE)
        self._read_since = 0

    def _read(self) -> str:
        line = piece = self._stream.readline(self.max_characters + 1)
        while len(piece) > self.max_characters and piece[-1] not in "\r\n":
            piece = self._stream.readline(self.max_characters + 1)
        self._read_since += len(line)
        return line

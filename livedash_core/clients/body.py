"""The body of one answer on its way to a file: unpacked piece by piece, and never more of it than allowed."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from livedash_core.errors import PermanentError, TransientError

#: A kilobyte of gzip may hold a megabyte: so much is unpacked before it is counted.
_STEP_BYTES = 65_536
#: zlib's way to say: a gzip header, and the largest window (https://docs.python.org/3/library/zlib.html).
_GZIP = 16 + zlib.MAX_WBITS


class Body:
    """Writes to ``into``; ``max_bytes`` bound what comes and what it unpacks to. ``where`` stands in messages."""

    def __init__(self, into: BinaryIO, where: str, max_bytes: int, *, gzipped: bool) -> None:
        self._into = into
        self._where = where
        self._max_bytes = max_bytes
        self._unpacker = zlib.decompressobj(_GZIP) if gzipped else None
        self._received = self._written = 0

    def take(self, chunk: bytes) -> None:
        """The next piece. Raises ``PermanentError`` if it is too much, or not what it is said to be."""
        self._received += len(chunk)
        self._check_size(self._received)
        if self._unpacker is None:
            self._write(chunk)
            return
        try:
            for piece in self._unpacked(chunk):
                self._write(piece)
        except zlib.error:
            raise PermanentError(f"{self._where} is said to be gzip and is not") from None

    def end(self) -> None:
        """There is no more. Raises ``TransientError`` if that comes in the middle of a gzip stream."""
        if self._unpacker is not None and self._received:
            self._write(self._unpacker.flush())
            if not self._unpacker.eof:
                raise TransientError(f"{self._where} broke off")

    def _unpacked(self, chunk: bytes) -> Iterator[bytes]:
        assert self._unpacker is not None
        while chunk:
            if self._unpacker.eof:  # gzip files may be joined
                self._unpacker = zlib.decompressobj(_GZIP)
            yield self._unpacker.decompress(chunk, _STEP_BYTES)
            chunk = self._unpacker.unconsumed_tail or self._unpacker.unused_data

    def _write(self, piece: bytes) -> None:
        self._written += len(piece)
        self._check_size(self._written)
        self._into.write(piece)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise PermanentError(f"{self._where} is larger than {self._max_bytes:,} bytes")

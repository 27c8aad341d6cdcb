"""Writes a response body to a file, decompressed in pieces and limited in size."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import BinaryIO

from livedash_core.errors import PermanentError, TransientError

#: A kilobyte of gzip may decompress to a megabyte: at most so much is decompressed before its size is checked.
_PIECE_BYTES = 65_536
#: zlib's code for a gzip header and the largest window (https://docs.python.org/3/library/zlib.html).
_GZIP = 16 + zlib.MAX_WBITS
#: With these bytes, no text begins (RFC 1952, 2.3.1): S3 and others serve gzip files without saying so.
_GZIP_MAGIC = b"\x1f\x8b\x08"


class Body:
    """A response body. ``max_bytes`` limits both its compressed and its decompressed size; ``where`` begins errors."""

    def __init__(self, into: BinaryIO, where: str, max_bytes: int, *, gzipped: bool) -> None:
        self._into = into
        self._where = where
        self._max_bytes = max_bytes
        self._decompressor = zlib.decompressobj(_GZIP) if gzipped else None
        #: The first bytes of a body that is not declared as gzip, until there are enough to recognise one.
        self._beginning: bytes | None = None if gzipped else b""
        self._received = self._written = 0

    def write(self, chunk: bytes) -> None:
        """Write the next chunk. Raises ``PermanentError`` if the body is too large or not valid gzip."""
        self._received += len(chunk)
        self._check_size(self._received)
        if self._beginning is not None:
            chunk = self._beginning + chunk
            self._beginning = chunk if len(chunk) < len(_GZIP_MAGIC) else None
            if self._beginning is not None:
                return
            if chunk.startswith(_GZIP_MAGIC):
                self._decompressor = zlib.decompressobj(_GZIP)
        if self._decompressor is None:
            self._write(chunk)
            return
        try:
            for piece in self._decompress(chunk):
                self._write(piece)
        except zlib.error:
            raise PermanentError(f"{self._where} is declared as gzip but is not") from None

    def finish(self) -> None:
        """Write what is left after the last chunk. Raises ``TransientError`` if the gzip stream is incomplete."""
        if self._beginning:
            self._write(self._beginning)
        if self._decompressor is not None and self._received:
            self._write(self._decompressor.flush())
            if not self._decompressor.eof:
                raise TransientError(f"{self._where} broke off")

    def _decompress(self, chunk: bytes) -> Iterator[bytes]:
        assert self._decompressor is not None
        while chunk:
            if self._decompressor.eof:  # a new member of a concatenated gzip file, or zeros that fill a block
                if not (chunk := chunk.lstrip(b"\0")):
                    return
                self._decompressor = zlib.decompressobj(_GZIP)
            yield self._decompressor.decompress(chunk, _PIECE_BYTES)
            chunk = self._decompressor.unconsumed_tail or self._decompressor.unused_data

    def _write(self, piece: bytes) -> None:
        self._written += len(piece)
        self._check_size(self._written)
        self._into.write(piece)

    def _check_size(self, size: int) -> None:
        if size > self._max_bytes:
            raise PermanentError(f"{self._where} is larger than {self._max_bytes:,} bytes")

"""Detects the encoding of a file."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import BinaryIO

from livedash_core.errors import PermanentError

_CHUNK_BYTES = 1_048_576
# The error handler "surrogateescape" decodes a byte that is not UTF-8 to one of these (PEP 383).
_ESCAPED = re.compile("[\udc80-\udcff]")
# It decodes an encoded surrogate to these; only programs that mean to write UTF-8 produce such bytes.
_SURROGATE = re.compile("\udced[\udca0-\udcbf][\udc80-\udcbf]")


def encoding_of(file: BinaryIO) -> str:
    """Return ``"utf-8-sig"`` (UTF-8 with or without byte order mark), ``"utf-16"`` or ``"cp1252"``; read all of it.

    A byte order mark decides. Without one the file is UTF-8 if most of its non-ASCII bytes are valid UTF-8: one message
    that was cut inside a character must not turn all other rows into "ZÃ¼rich". Callers that decode UTF-8 must
    therefore handle invalid bytes; the other two encodings are verified.

    Raises ``PermanentError`` if it is none of the three. ``file`` must be seekable; its position changes.
    """
    file.seek(0)
    mark = file.read(len(codecs.BOM_UTF8))
    if mark == codecs.BOM_UTF8:
        return "utf-8-sig"
    if mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    elif is_mostly_utf8(_decoded(file, "utf-8", "surrogateescape")):
        return "utf-8-sig"
    else:
        encoding = "cp1252"
    try:
        for _ in _decoded(file, encoding, "strict"):
            pass
    except UnicodeDecodeError as exc:
        guess = "broken UTF-16" if encoding == "utf-16" else "neither UTF-8, UTF-16 nor Windows-1252 text"
        raise PermanentError(f"the file is {guess}; export it as UTF-8") from exc
    return encoding


def is_mostly_utf8(pieces: Iterable[str]) -> bool:
    """Return whether text decoded as UTF-8 with ``surrogateescape`` is UTF-8, possibly with a few invalid bytes."""
    valid = invalid = 0
    for piece in pieces:
        if not piece.isascii():
            text = _SURROGATE.sub("", piece)
            escaped = len(_ESCAPED.findall(text))
            invalid += escaped
            valid += len(text) - len(text.encode("ascii", "ignore")) - escaped
    return invalid == 0 or valid > invalid


def replace_broken(text: str) -> tuple[str, int]:
    """Replace each byte that ``surrogateescape`` preserved by U+FFFD; return the text and their number."""
    return _ESCAPED.subn("\ufffd", text)


def with_joined_surrogates(text: str) -> str | None:
    """Join encoded surrogate pairs in text decoded with ``surrogateescape``; None if other bytes are not UTF-8.

    UTF-16 programs write emoji so (CESU-8). A lone surrogate is half a character, so it is no character at all.
    """
    try:
        read = text.encode("utf-8", "surrogateescape").decode("utf-8", "surrogatepass")
        return read.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    except UnicodeError:
        return None


def _decoded(file: BinaryIO, encoding: str, errors: str) -> Iterator[str]:
    file.seek(0)
    return codecs.iterdecode(iter(partial(file.read, _CHUNK_BYTES), b""), encoding, errors)

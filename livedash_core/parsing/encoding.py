"""Which encoding a file is written in."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import BinaryIO

from livedash_core.errors import PermanentError

_CHUNK_BYTES = 1_048_576
# What the error handler "surrogateescape" makes of a byte that is not UTF-8 (PEP 383).
_ESCAPED = re.compile("[\udc80-\udcff]")
# What it makes of half a surrogate pair: only a program that writes UTF-8, if badly, writes such bytes.
_SURROGATE = re.compile("\udced[\udca0-\udcbf][\udc80-\udcbf]")


def encoding_of(file: BinaryIO) -> str:
    """``"utf-8-sig"`` (UTF-8 with or without a byte order mark), ``"utf-16"`` or ``"cp1252"``, by reading it all once.

    A byte order mark decides. Without one it is UTF-8 if it reads as such, and also if most of what is not ASCII
    does: a program that cuts a message in the middle of a letter must not turn every other row into "ZÃ¼rich".
    Who reads it as UTF-8 must therefore expect broken bytes; the other two are known to decode.

    Raises ``PermanentError`` when it is none of the three. ``file`` must be seekable; its position is lost.
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
    """Whether text decoded as UTF-8 with ``surrogateescape`` is what it was decoded as, a few broken bytes aside."""
    whole = broken = 0
    for piece in pieces:
        if not piece.isascii():
            text = _SURROGATE.sub("", piece)
            escaped = len(_ESCAPED.findall(text))
            broken += escaped
            whole += len(text) - len(text.encode("ascii", "ignore")) - escaped
    return broken == 0 or whole > broken


def replace_broken(text: str) -> tuple[str, int]:
    """U+FFFD for every byte that ``surrogateescape`` let through, and how many there were."""
    return _ESCAPED.subn("\ufffd", text)


def _decoded(file: BinaryIO, encoding: str, errors: str) -> Iterator[str]:
    file.seek(0)
    return codecs.iterdecode(iter(partial(file.read, _CHUNK_BYTES), b""), encoding, errors)

"""Detects the encoding of a file.

One rule: a byte order mark, then a declared charset, then evidence in the bytes (NULs of UTF-16, valid UTF-8), then
Windows-1252, and only for bytes that make no words there the best guess of charset-normalizer. What is not certain has
a note for people.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from functools import partial
from typing import BinaryIO, NamedTuple

from livedash_core.errors import PermanentError
from livedash_core.parsing.encoding_guess import guess

_CHUNK_BYTES = 1_048_576
#: Bytes with letters beyond ASCII that a guess is made from.
_GUESS_BYTES = 65_536
# The error handler "surrogateescape" decodes a byte that is not UTF-8 to one of these (PEP 383).
_ESCAPED = re.compile("[\udc80-\udcff]")
# It decodes an encoded surrogate to these; only programs that mean to write UTF-8 produce such bytes.
_SURROGATE = re.compile("\udced[\udca0-\udcbf][\udc80-\udcbf]")
#: What is left of a character that lost its last or first bytes: a lead byte and at least one more, or three others.
_DAMAGED = re.compile("[\udce0-\udcef][\udc80-\udcbf]|[\udcf0-\udcf4][\udc80-\udcbf]{1,2}|[\udc80-\udcbf]{3}")
#: UTF-8 that was read as Windows-1252 and written as UTF-8 again: "fÃ¼r", "itâ€™s".
_TWICE = re.compile("Ã[\u00a1-\u00bf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ]|â€[\u2122\u0153\u02dc\u00a6\u201c\u201d]")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with UTF-16's mark
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
#: Declared charsets that are trusted. The Western ones are not: servers declare them by default for files of any
#: encoding. Codecs that are not charsets (unicode_escape) or that a hostile server could make slow (idna) are not
#: trusted either.
TRUSTED_CHARSETS = frozenset(
    (
        *("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
        *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 9, 10, 13, 14, 15, 16)),
        *(
            f"cp{page}"
            for page in (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258, 437, 850, 852, 866, 874, 932, 949, 950)
        ),
        *("koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "shift_jis", "euc_jp", "gb2312", "gbk", "gb18030", "big5"),
        *("euc_kr", "iso2022_jp"),
    )
)


class Encoding(NamedTuple):
    """The name of a Python codec, and a sentence about what is not certain; None if it is."""

    name: str
    note: str | None = None


def encoding_of(file: BinaryIO, charset: str | None = None) -> Encoding:
    """Detect the encoding of ``file``, which must be seekable, reading all of it; ``charset`` is the declared one.

    ``"utf-8-sig"`` is UTF-8 with or without byte order mark, possibly with a few broken characters: callers must handle
    invalid bytes. All other encodings are verified.

    Raises ``PermanentError`` if no encoding fits.
    """
    file.seek(0)
    beginning = file.read(_GUESS_BYTES)
    for mark, name in _MARKS:
        if beginning.startswith(mark):
            if name == "utf-8-sig" or _decodes(file, name):
                return Encoding(name)
            raise PermanentError(f"the file is broken {name.upper()}; export it as UTF-8")
    declared = trusted_codec(charset)
    if declared is not None and _decodes(file, declared):
        return Encoding(declared)
    contradicted = f"it is not {charset}, as its server says; " if declared else ""
    if (wide := _utf16_by_nuls(beginning)) and _decodes(file, wide):
        return Encoding(wide, f"{contradicted}read as {wide.upper()}, because every second byte is NUL")
    damage = _Damage(_decoded(file, "utf-8", "surrogateescape"))
    if damage.is_utf8:
        notes = [f"{damage.broken:,} broken characters in UTF-8"] if damage.broken else []
        if damage.twice:
            notes.append(f"{damage.twice:,} characters like Ã¼ were encoded twice before the export; they stay so")
        return Encoding("utf-8-sig", (contradicted + "; ".join(notes)) or None)
    guessed = guess(_lines_beyond_ascii(file), partial(_decodes, file))
    if guessed is None:
        raise PermanentError("the file is neither UTF-8, UTF-16 nor text in another known encoding; export it as UTF-8")
    return Encoding(
        guessed, f"{contradicted}neither UTF-8 nor declared: read as {guessed}, which is a guess; export it as UTF-8"
    )


def trusted_codec(charset: str | None) -> str | None:
    """Return the codec of a declared charset that is trusted, else None."""
    try:
        codec = codecs.lookup(charset or "").name
    except (LookupError, ValueError):  # ValueError: a NUL in the label
        return None
    return codec if codec in TRUSTED_CHARSETS else None


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


class _Damage:
    """Counts characters, not bytes: an emoji that lost a byte is one broken character among the valid ones.

    A broken character of which more than a byte is left is evidence of UTF-8 too, because other text hardly has such
    bytes beside each other; a single byte is evidence against it.
    """

    def __init__(self, pieces: Iterable[str]) -> None:
        self._valid = self._damaged = self._single = self.twice = 0
        for piece in pieces:
            if piece.isascii():
                continue
            self.twice += len(_TWICE.findall(piece)) if "Ã" in piece or "â€" in piece else 0
            text, surrogates, damaged, single = piece, 0, 0, 0
            try:
                piece.encode()  # refuses escaped bytes, several times as fast as a regular expression
            except UnicodeEncodeError:
                text, surrogates = _SURROGATE.subn("", piece)
                text, damaged = _DAMAGED.subn("", text)
                single = len(_ESCAPED.findall(text))
            self._single += single
            self._damaged += damaged
            self._valid += len(text) - len(text.encode("ascii", "ignore")) - single + surrogates

    @property
    def broken(self) -> int:
        """Broken characters."""
        return self._damaged + self._single

    @property
    def is_utf8(self) -> bool:
        """Whether there is more evidence of UTF-8 than against it."""
        return self._single == 0 or self._valid + self._damaged > self._single


def _utf16_by_nuls(beginning: bytes) -> str | None:
    """Return the byte order of UTF-16 whose text is mostly ASCII: every second byte of its beginning is NUL."""
    low, high = beginning[0::2].count(0), beginning[1::2].count(0)
    half = len(beginning) // 2
    if half and high > 0.6 * half and low < 0.05 * half:
        return "utf-16-le"
    return "utf-16-be" if half and low > 0.6 * half and high < 0.05 * half else None


def _lines_beyond_ascii(file: BinaryIO) -> bytes:
    file.seek(0)
    found = bytearray()
    for chunk in iter(partial(file.read, _CHUNK_BYTES), b""):
        for line in chunk.splitlines():
            if not line.isascii():
                # Only the words: ids and times would outweigh them.
                found += b" ".join(word for word in line[:_GUESS_BYTES].split() if not word.isascii()) + b"\n"
        if len(found) > _GUESS_BYTES:
            break
    return bytes(found[:_GUESS_BYTES])


def _decodes(file: BinaryIO, encoding: str) -> bool:
    try:
        for _ in _decoded(file, encoding, "strict"):
            pass
    except UnicodeError:
        return False
    return True


def _decoded(file: BinaryIO, encoding: str, errors: str) -> Iterator[str]:
    file.seek(0)
    return codecs.iterdecode(iter(partial(file.read, _CHUNK_BYTES), b""), encoding, errors)

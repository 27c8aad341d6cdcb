"""Bytes of a transcript to text, without guessing silently wrong."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from livedash_core.parsing.encoding import is_mostly_utf8, replace_broken

#: UTF-32 is left out: its little-endian mark begins with UTF-16's.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
#: Charsets that are taken at their word. The Western ones are missing: servers name those by default, whatever the
#: file holds; what is valid UTF-8 is UTF-8, and cp1252 is tried for the rest. So are codecs that are no charsets
#: (unicode_escape) or that a hostile server could make slow (idna).
_TAKEN_AT_THEIR_WORD = frozenset(
    (
        *("utf-16", "utf-16-le", "utf-16-be", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "iso8859-15"),
        *("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "koi8-r"),
    )
)


class Text(NamedTuple):
    """A text, the encoding it was read in, and how many characters are U+FFFD because their bytes were broken."""

    content: str
    encoding: str
    replaced: int = 0


def decode(body: bytes, charset: str | None) -> Text:
    """``body`` as text: by its byte order mark, else the declared ``charset``, UTF-8 or strict cp1252.

    It is UTF-8 also if a few bytes are broken (a program cut a message in the middle of a letter) or encode lone
    surrogates: those become U+FFFD and are counted. Raises ``UnicodeDecodeError`` if it contradicts its mark, or is
    none of the others.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return Text(body.decode(encoding), encoding)
    for encoding in (_declared(charset), "utf-8"):
        try:
            return Text(body.decode(encoding), encoding)
        except UnicodeDecodeError:
            continue
    return _surrogates(body) or _mostly_utf8(body) or Text(body.decode("cp1252"), "cp1252")


def _surrogates(body: bytes) -> Text | None:
    """UTF-8 but for surrogates, which programs write that think in UTF-16: pairs are joined, lone ones replaced."""
    try:
        text = body.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return Text(joined, "utf-8", joined.count("\ufffd") - text.count("\ufffd"))


def _mostly_utf8(body: bytes) -> Text | None:
    text = body.decode("utf-8", "surrogateescape")
    if not is_mostly_utf8([text]):
        return None
    content, replaced = replace_broken(text)
    return Text(content, "utf-8", replaced)


def _declared(charset: str | None) -> str:
    """The codec to believe in, ``utf-8`` if the label means nothing."""
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):  # ValueError: a NUL in the label
        return "utf-8"
    return codec if codec in _TAKEN_AT_THEIR_WORD else "utf-8"

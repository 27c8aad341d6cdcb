"""Decodes the bytes of a transcript; never guesses an encoding without evidence."""

from __future__ import annotations

import codecs
from typing import NamedTuple

from livedash_core.parsing.encoding import is_mostly_utf8, replace_broken

#: Not UTF-32: its little-endian mark begins with UTF-16's.
_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
#: Declared charsets that are trusted. The Western ones are not: servers declare them by default for files of any
#: encoding; valid UTF-8 is decoded as such, and the rest as cp1252. Codecs that are not charsets (unicode_escape) or
#: that a hostile server could make slow (idna) are not trusted either.
_TRUSTED_CHARSETS = frozenset(
    (
        *("utf-16", "utf-16-le", "utf-16-be", "iso8859-2", "iso8859-5", "iso8859-7", "iso8859-9", "iso8859-15"),
        *("cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258", "koi8-r"),
    )
)


class Text(NamedTuple):
    """A decoded text, its encoding, and the number of U+FFFD that replace invalid bytes."""

    content: str
    encoding: str
    replaced: int = 0


def decode(body: bytes, charset: str | None) -> Text:
    """Decode ``body`` by its byte order mark, else by the declared ``charset``, as UTF-8 or as strict cp1252.

    UTF-8 may have a few invalid bytes (a program cut a message inside a character) or lone surrogates: these become
    U+FFFD and are counted. Raises ``UnicodeDecodeError`` if the body contradicts its mark or no encoding fits.
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
    """Decode UTF-8 with surrogates, as UTF-16 programs write it: pairs are joined, lone ones replaced."""
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
    """Return the codec of a trusted charset label, else ``utf-8``."""
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):  # ValueError: a NUL in the label
        return "utf-8"
    return codec if codec in _TRUSTED_CHARSETS else "utf-8"

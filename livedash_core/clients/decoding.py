"""Bytes of a transcript to text, without guessing silently wrong. Pure."""

from __future__ import annotations

import codecs

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


def decode(body: bytes, charset: str | None) -> str:
    """``body`` as text: by its byte order mark, else the declared ``charset``, strict UTF-8 or strict cp1252.

    Raises ``UnicodeDecodeError`` if it contradicts its mark, or is none of the others.
    """
    for mark, encoding in _MARKS:
        if body.startswith(mark):
            return body.decode(encoding)
    for encoding in (_declared(charset), "utf-8"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return body.decode("cp1252")


def _declared(charset: str | None) -> str:
    """The codec to believe in, ``utf-8`` if the label means nothing."""
    try:
        codec = codecs.lookup(charset or "utf-8").name
    except (LookupError, ValueError):  # ValueError: a NUL in the label
        return "utf-8"
    return codec if codec in _TAKEN_AT_THEIR_WORD else "utf-8"

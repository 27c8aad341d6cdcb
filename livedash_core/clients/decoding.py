"""Decodes the bytes of a transcript by the same rule as CSVs (``parsing/encoding.py``)."""

from __future__ import annotations

import io
from typing import NamedTuple

from livedash_core.parsing.encoding import encoding_of, replace_broken


class Text(NamedTuple):
    """A decoded text, its encoding, the number of U+FFFD that replace invalid bytes, and what is not certain."""

    content: str
    encoding: str
    replaced: int = 0
    note: str | None = None


def decode(body: bytes, charset: str | None) -> Text:
    """Decode ``body``, whose declared charset is ``charset``.

    UTF-8 may have a few invalid bytes (a program cut a message inside a character) or lone surrogates: these become
    U+FFFD and are counted. Raises ``PermanentError`` if the body contradicts its byte order mark or no encoding fits.
    """
    name, note = encoding_of(io.BytesIO(body), charset)
    if name != "utf-8-sig":
        return Text(body.decode(name), name, 0, note)
    return _surrogates(body, note) or Text(*_replaced(body), note)


def _surrogates(body: bytes, note: str | None) -> Text | None:
    """Decode UTF-8 with surrogates, as UTF-16 programs write it: pairs are joined, lone ones replaced."""
    try:
        text = body.decode("utf-8", "surrogatepass").removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return Text(joined, "utf-8", joined.count("\ufffd") - text.count("\ufffd"), note)


def _replaced(body: bytes) -> tuple[str, str, int]:
    content, replaced = replace_broken(body.decode("utf-8-sig", "surrogateescape"))
    return content, "utf-8", replaced

"""Takes the address out of what programs write around it or do to it in a cell. Pure."""

from __future__ import annotations

import re
from urllib.parse import unquote

#: An ampersand as HTML writes it, once or several times over.
_AMPERSAND = re.compile(r"&(?:amp;)+|&#0*38;|&#x0*26;", re.IGNORECASE)
_SCHEME = r"https?:(?://|\\/\\/)"
_WRAPPED = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"<({_SCHEME}[^<>\s]+)>",
        rf"\[[^\[\]]*\]\(<?({_SCHEME}[^<>\s]+?)>?(?: \"[^\"]*\")?\)",
        rf"<a\b[^<>]*\bhref=[\"']?({_SCHEME}[^<>\s\"']+)[\"']?[^<>]*>.*</a>",
        rf"[\"'`“”„«‘’]({_SCHEME}[^\s\"`“”„«»‘’]+?)[\"'`“”»‘’]?",
    )
)
_ENCODED = re.compile(r"https?%3A%2F%2F[^\s/:]+", re.IGNORECASE)


def address_in(cell: str) -> str:
    r"""Return the address in a cell that contains nothing else; other cells as they are.

    ``<…>``, quotes, Markdown's ``[…](…)`` and HTML's ``<a href="…">`` are taken away, ``&amp;`` becomes ``&``,
    ``https:\/\/`` (JSON) loses its backslashes, and an address that is percent-encoded as a whole is decoded once.
    """
    for pattern in _WRAPPED:
        if match := pattern.fullmatch(cell):
            cell = match[1]
            break
    if _ENCODED.fullmatch(cell):
        cell = unquote(cell)
    if ":\\/\\/" in cell:
        cell = cell.replace("\\/", "/")
    return _AMPERSAND.sub("&", cell) if "&" in cell and ";" in cell else cell

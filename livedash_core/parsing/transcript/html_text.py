"""HTML as the text that a browser would show, line by line.

``html.parser`` is not used: in the supported versions of Python it takes quadratic time for tags that are never closed
(https://github.com/python/cpython/issues/135462).
"""

from __future__ import annotations

import html
import re

from livedash_core.parsing.transcript.speakers import MARKS

_BLOCK_NAMES = """
address article aside blockquote body br dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr html li
main nav ol p pre section table tbody thead tr ul message turn chat transcript item
"""
_BLOCKS = frozenset(_BLOCK_NAMES.split())
#: Elements whose text no browser shows; the content of the first two is not markup.
_RAW = frozenset(("script", "style"))
_UNSEEN = _RAW | {"head", "title", "template", "noscript"}
_CELLS = frozenset(("td", "th"))
_BEGINS_WITH_MARKUP = re.compile(rf"[\s{MARKS}]*<(?:!doctype|!--|\?xml|/?[a-z][a-z0-9]{{0,15}}[\s/>])", re.IGNORECASE)
_LINE_BREAK = re.compile(r"<br[ \t]{0,3}/?>|</(?:p|div|li)>", re.IGNORECASE)
#: A tag, the beginning of a comment or CDATA section, or a declaration; a quoted value may hold ">". Bounded, so that
#: the time stays linear.
_MARKUP = re.compile(
    r"<(?:(?P<close>/)?(?P<name>[a-z][a-z0-9:-]{0,40})(?:[\s/](?:[^<>\"']|\"[^\"<]{0,2000}\"|'[^'<]{0,2000}'){0,500})?>"
    r"|(?P<comment>!--)|!\[CDATA\[(?P<cdata>)|[!?][^<>]{0,2000}>)",
    re.IGNORECASE,
)


#: An attribute that says who speaks.
_NAMED = re.compile(
    r"""\s(?:data-)?(?:role|sender|from|author|speaker|by|who|participant)(?:-?(?:type|role|name))?\s?=\s?["']([^"']{1,60})["']""",
    re.IGNORECASE,
)


def is_html(text: str) -> bool:
    """Whether ``text`` begins with markup."""
    return _BEGINS_WITH_MARKUP.match(text) is not None


def has_line_breaks(text: str) -> bool:
    """Whether tags in ``text`` may end lines."""
    return "<" in text and _LINE_BREAK.search(text) is not None


def ends_lines_with_tags(text: str) -> bool:
    """Whether most lines of ``text`` end with such a tag."""
    lines = [line.rstrip() for line in text.split("\n") if line.strip()]
    return 2 * sum(line.endswith(">") and _LINE_BREAK.search(line[-10:]) is not None for line in lines) > len(lines) > 1


def html_to_text(text: str, *, inline: str = "", with_names: bool = False) -> str:
    """The visible text. Blocks and ``<br>`` end a line, cells of a table are set apart by a tab; nothing is run.

    ``inline`` stands for every other tag, as style sheets set elements apart. With ``with_names``, an attribute that
    names who speaks (``<message sender="user">``) is a line in front of the element. Markup that is
    never closed stays in the text.
    """
    lines = html.unescape("".join(_pieces(text, inline, with_names=with_names))).split("\n")
    return "\n".join(
        "\t".join(filter(None, (cell.strip(" ") for cell in line.split("\t")))) if "\t" in line else line.strip(" ")
        for line in lines
    )


def _pieces(text: str, inline: str, *, with_names: bool) -> list[str]:
    pieces: list[str] = []
    unseen: list[str] = []
    position = 0
    while match := _MARKUP.search(text, position):
        if not unseen:
            pieces.append(text[position : match.start()])
        position = match.end()
        name = (match["name"] or "").lower()
        if match["comment"]:
            position = _behind(text, "-->", position)
        elif match["cdata"] is not None:
            end = _behind(text, "]]>", position)
            # Escaped, because the whole text is unescaped at the end.
            pieces.append("" if unseen else html.escape(text[position:end].removesuffix("]]>")))
            position = end
        elif match["close"]:
            if unseen and name == unseen[-1]:
                unseen.pop()
        elif name in _UNSEEN and not match[0].endswith("/>"):
            unseen.append(name)
            if name in _RAW:
                position = _end_of_raw(text, name, position)
        elif name == "body":
            unseen.clear()  # a head that is never closed ends where the body begins
        pieces.append("\n" if name in _BLOCKS else "\t" if name in _CELLS else "" if unseen else inline)
        if with_names and not unseen and not match["close"] and (named := _NAMED.search(match[0])):
            pieces.append(f"\n{named[1]}: ")
    if not unseen:
        pieces.append(text[position:])
    return pieces


def _behind(text: str, end: str, position: int) -> int:
    found = text.find(end, position)
    return len(text) if found < 0 else found + len(end)


def _end_of_raw(text: str, name: str, position: int) -> int:
    """Where the element's end tag begins, else the end of the text."""
    match = re.compile(f"</{name}[\\s/>]", re.IGNORECASE).search(text, position)
    return match.start() if match else len(text)

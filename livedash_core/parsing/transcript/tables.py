"""Messages in a table: lines of CSV, or a table of Markdown, whose header names the speaker and the text."""

from __future__ import annotations

import csv
import io
import re

from livedash_core.parsing.transcript.message_fields import SPEAKER, TEXT

_SEPARATORS = re.compile(r"[\W_]")
_DELIMITERS = ",;\t|"
_RULE = re.compile(r"[\s|:-]*-[\s|:-]*")
_MAX_HEADER = 1000


def rows_of(text: str) -> list[dict[str, str]] | None:
    """The rows by the names in the header; None if the first line is no such header, or a row does not fit it."""
    first, _, rest = text.strip("\n").partition("\n")
    if len(first) > _MAX_HEADER or not rest:
        return None
    is_markdown = first.lstrip().startswith("|")
    for delimiter in _DELIMITERS:
        if delimiter not in first:
            continue
        names = [_SEPARATORS.sub("", cell.lower()) for cell in next(csv.reader([_inner(first)], delimiter=delimiter))]
        texts = [place for place, name in enumerate(names) if name in TEXT]
        if texts and any(name in SPEAKER and name not in TEXT for name in names) and len(set(names)) == len(names):
            return _rows(rest, names, texts[0], delimiter, is_markdown=is_markdown)
    return None


def _rows(
    text: str, names: list[str], text_at: int, delimiter: str, *, is_markdown: bool
) -> list[dict[str, str]] | None:
    if is_markdown:
        text = "\n".join(_inner(line) for line in text.split("\n") if not _RULE.fullmatch(line))
    rows: list[dict[str, str]] = []
    try:
        for cells in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True):
            if not any(map(str.strip, cells)):
                continue
            surplus = len(cells) - len(names)
            if surplus > 0 and text_at == len(names) - 1:
                cells = [*cells[:text_at], delimiter.join(cells[text_at:])]
            elif surplus:
                return None
            rows.append(dict(zip(names, (cell.strip() for cell in cells), strict=True)))
    except csv.Error:
        return None
    return rows


def _inner(line: str) -> str:
    """A line without the bars at its ends."""
    stripped = line.strip()
    return stripped.removeprefix("|").removesuffix("|") if stripped.startswith("|") else line

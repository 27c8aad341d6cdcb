"""Whether the cells of a row are of the kinds that its columns hold."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from itertools import combinations

from livedash_core.parsing.csv_columns import COLUMNS, OPTIONAL_AT_THE_END
from livedash_core.parsing.text import is_null
from livedash_core.parsing.values import is_number
from livedash_core.parsing.written_times import read_time

_START, _END, _URL = (COLUMNS.index(name) for name in ("start_time", "end_time", "full_transcript_url"))
_MESSAGES, _AVERAGE, _TOKENS, _COST = (
    COLUMNS.index(name) for name in ("messages_sent", "avg_response_time_seconds", "tokens", "tokens_eur")
)
CATEGORY = COLUMNS.index("category")
_WORDS = tuple(COLUMNS.index(name) for name in ("country_code", "language", "category"))
_LABELS = tuple(COLUMNS.index(name) for name in ("sentiment", "escalated", "forwarded_hr"))
#: Columns whose number may have a decimal comma.
SPLIT_BY_A_COMMA = (_AVERAGE, _TOKENS, _COST)

_DATE = re.compile(
    r"(?:[^\W\d_]{2,4}[.,]? )?[0-9]{1,4}[-./ ]\s?(?:[0-9]{1,2}|[^\W\d_]{3,10}\.?)[-./ ,]\s?[0-9]{1,4}(?![0-9]).*"
    r"|[0-9]{14}|[0-9]{10,13}",
    re.DOTALL,
)
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]{1,9}://.*", re.IGNORECASE | re.DOTALL)
_WHOLE = re.compile(r"\s*[-+]?[0-9]+")
_FRACTION = re.compile(r"[0-9]+(?:[eE][-+]?[0-9]{1,3})?\s*")
_BOOLEAN = frozenset(
    [
        "true",
        "false",
        "yes",
        "no",
        "ja",
        "nee",
        "nein",
        "oui",
        "non",
        "si",
        "wahr",
        "falsch",
        "waar",
        "onwaar",
        "vrai",
        "faux",
        "0",
        "1",
    ]
)


def fit(values: Sequence[str]) -> bool:
    """Return whether all 16 ``values`` are of their column's kind: dates, numbers, a link, words.

    An empty cell and a database's or program's word for one (``NULL``, ``nan``) fit everywhere but in the id and in
    both times at once. How a date or number is written does not matter.
    """
    start, end = values[_START].strip(), values[_END].strip()
    return (
        bool(values[0].strip())
        and not _ADDRESS.fullmatch(values[0].strip())
        and (_is_date(start) or _is_date(end))
        and all(is_null(time) or _is_date(time) for time in (start, end))
        and all(is_null(cell := values[column]) or is_number(cell) for column in (_MESSAGES, _AVERAGE, _TOKENS, _COST))
        and not any(looks_like_data(values[column]) for column in _WORDS)
        and not any(looks_like_data(values[column], but_numbers=True) for column in _LABELS)
        and _may_be_url(values[_URL])
    )


def kinds_missed(values: Sequence[str]) -> int:
    """Return how many cells are not of their column's kind."""
    times = [values[_START], values[_END]]
    numbers = [values[column] for column in (_MESSAGES, _AVERAGE, _TOKENS, _COST)]
    return (
        sum(not is_null(time) and not _is_date(time.strip()) for time in times)
        + sum(not is_null(number) and not is_number(number) for number in numbers)
        + sum(looks_like_data(values[column]) for column in _WORDS)
        + (not _may_be_url(values[_URL]))
    )


def looks_like_data(cell: str, *, but_numbers: bool = False) -> bool:
    """Return whether ``cell`` is a date, an address or a number, which no name and no word is."""
    cell = cell.strip()
    if not cell:
        return False
    return _ADDRESS.fullmatch(cell) is not None or _is_date(cell) or (not but_numbers and is_number(cell))


def may_be_header(cells: Sequence[str]) -> bool:
    """Return whether a record consists of words only, as a header does."""
    words = [cell.strip() for cell in cells if cell.strip()]
    return (
        len(words) >= 3
        and all(any(map(str.isalpha, word)) and len(word) <= 60 and "\n" not in word for word in words)
        and not any(looks_like_data(word) or word.lower() in _BOOLEAN for word in words)
    )


def arrangements(cells: Sequence[str], slots: Sequence[int | None]) -> frozenset[frozenset[int]]:
    """Return every way to make 16 columns of ``cells`` that fit, as the sets of columns that are joined.

    ``slots`` are the columns in the file's order. The cells of a number that a decimal comma split may be joined;
    missing cells may only be the last, optional ones, and surplus ones must be empty. Tokens are whole: they count as
    split only if nothing else fits.
    """
    found = frozenset(_arrangements(cells, slots))
    return frozenset(joined for joined in found if _TOKENS not in joined) or found


def _arrangements(cells: Sequence[str], slots: Sequence[int | None]) -> Iterator[frozenset[int]]:
    splittable = [column for column in SPLIT_BY_A_COMMA if column in slots]
    surplus = len(cells) - len(slots) + len(OPTIONAL_AT_THE_END)
    for number in range(min(len(splittable), max(surplus, 0)) + 1):
        for joined in combinations(splittable, number):
            values = arrange(cells, slots, frozenset(joined))
            if values is not None and fit(values) and not (joined and _is_cut_fraction(values)):
                yield frozenset(joined)


def arrange(cells: Sequence[str], slots: Sequence[int | None], joined: Container[int | None]) -> list[str] | None:
    """Make the 16 columns of ``cells``; None if their number is wrong, or cells to be joined are no number."""
    values = [""] * len(COLUMNS)
    position = 0
    for slot in slots:
        if position >= len(cells):
            if slot is not None and slot not in OPTIONAL_AT_THE_END:
                return None
            continue
        cell = cells[position]
        position += 1
        if slot in joined:
            if position >= len(cells) or not _WHOLE.fullmatch(cell) or not _FRACTION.fullmatch(cells[position]):
                return None
            if slot == _TOKENS and cells[position].strip().strip("0"):
                return None  # tokens are whole
            cell = f"{cell.strip()},{cells[position].strip()}"
            position += 1
        if slot is not None:
            values[slot] = cell
    return None if any(cell.strip() for cell in cells[position:]) else values


def _is_cut_fraction(values: Sequence[str]) -> bool:
    """Return whether a number is written as only the digits behind a decimal mark are: ``01``."""
    cells = (values[column].strip() for column in SPLIT_BY_A_COMMA)
    return any(cell[:1] == "0" and cell.isdecimal() and cell.strip("0") for cell in cells)


def _is_date(cell: str) -> bool:
    return _DATE.fullmatch(cell) is not None or read_time(cell) is not None


def _may_be_url(cell: str) -> bool:
    cell = cell.strip()
    return is_null(cell) or (not is_number(cell) and cell.lower() not in _BOOLEAN and not _is_date(cell))

"""The columns of a session that come from its CSV row."""

from __future__ import annotations

from typing import Any

from livedash_core.analysis.normalise import language_code
from livedash_core.parsing.text import is_null
from livedash_core.parsing.values import DecimalMark, decimal, integer, is_no_number

#: Columns of ``session`` that follow the row, and the columns of the row. An analysis replaces the language.
FOLLOWING = {
    "country": "country_code",
    "messages_sent": "messages_sent",
    "avg_response_time_seconds": "avg_response_time_seconds",
    "tokens": "tokens",
    "tokens_eur": "tokens_eur",
    "initial_message": "initial_message",
}
_NUMBERS = ("messages_sent", "avg_response_time_seconds", "tokens", "tokens_eur")


def following_columns(row: Any) -> dict[str, Any]:
    """Return the ``FOLLOWING`` columns and ``language`` of a row of ``session_import``; unreadable numbers are None."""
    mark: DecimalMark | None = (row.notes or {}).get("decimal_mark")
    return {
        # NA is Namibia, and R's word for an empty cell.
        "country": "NA" if row.country_code == "NA" else _text(row.country_code),
        # The CSV's language, as an ISO code like that of an analysis, which replaces it later.
        "language": None if is_null(row.language) else language_code(row.language),
        "messages_sent": integer(row.messages_sent),
        "avg_response_time_seconds": decimal(row.avg_response_time_seconds, mark),
        "tokens": integer(row.tokens),
        "tokens_eur": decimal(row.tokens_eur, mark),
        "initial_message": _text(row.initial_message),
    }


def unread_cells(row: Any, columns: dict[str, Any]) -> dict[str, Any]:
    """Return a note with the columns whose cell is not a number; the raw cells are kept as they came."""
    names = [name for name in _NUMBERS if columns[name] is None and not is_no_number(getattr(row, name))]
    return {"unread_cells": names} if names else {}


def _text(cell: str | None) -> str | None:
    return None if is_null(cell) else cell

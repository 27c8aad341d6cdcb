"""Exports lists as CSVs in which no cell is a formula to a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from livedash_core.operations.rejections import RejectedLine
from livedash_core.operations.session_list import ListedSession
from livedash_core.pipeline import Pipeline

#: Characters that start a formula in spreadsheets (OWASP, "CSV Injection").
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLUMNS = ("id", "external_session_id", "company", "started_at", "language", "sentiment", "category", "escalated",
            "forwarded_hr", "outcome", "missing", "outcome_reason", "summary")  # fmt: skip


def csv_lines(sessions: Iterable[ListedSession], pipeline: Pipeline) -> Iterator[str]:
    """Yield a header and a line per session, with one column per stage."""
    yield _line((*_COLUMNS, *pipeline.names))
    for session in sessions:
        cells = [getattr(session, column) for column in _COLUMNS]
        yield _line((*cells, *(session.statuses.get(stage) for stage in pipeline.names)))


def rejection_lines(rejections: Iterable[RejectedLine]) -> Iterator[str]:
    """Yield a header and a line per rejected line of a company's CSV."""
    yield _line(RejectedLine._fields)
    for rejection in rejections:
        yield _line(rejection)


def escape_formula(value: object) -> str:
    """Return ``value`` as text that no spreadsheet evaluates: a cell that starts a formula gets an apostrophe."""
    if value is None:
        return ""
    text = str(value)
    # Some programs trim leading spaces.
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _line(cells: Iterable[object]) -> str:
    file = io.StringIO()
    csv.writer(file).writerow([escape_formula(cell) for cell in cells])
    return file.getvalue()

"""A list as a CSV that a spreadsheet may open: what a company wrote is never a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from livedash_core.operations.session_list import ListedSession
from livedash_core.pipeline import Pipeline

#: What makes a spreadsheet take a cell for a formula (OWASP, "CSV Injection"), at the beginning of a cell.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
_COLUMNS = ("id", "external_session_id", "company", "started_at", "language", "sentiment", "category", "escalated",
            "forwarded_hr", "summary")  # fmt: skip


def csv_lines(sessions: Iterable[ListedSession], pipeline: Pipeline) -> Iterator[str]:
    """A header and a line per session, with a column per stage."""
    yield _line((*_COLUMNS, *pipeline.names))
    for session in sessions:
        cells = [getattr(session, column) for column in _COLUMNS]
        yield _line((*cells, *(session.standing.get(stage) for stage in pipeline.names)))


def harmless(value: object) -> str:
    """``value`` as text that no spreadsheet evaluates: an apostrophe before what would begin a formula."""
    if value is None:
        return ""
    text = str(value)
    # Spaces in front do not help: some programs trim them.
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA_STARTS) else text


def _line(cells: Iterable[object]) -> str:
    file = io.StringIO()
    csv.writer(file).writerow([harmless(cell) for cell in cells])
    return file.getvalue()

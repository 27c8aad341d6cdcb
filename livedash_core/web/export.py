"""Exports lists as CSVs in which no cell is a formula to a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields
from decimal import Decimal

from livedash_core.costs import CostLine
from livedash_core.insights.topics.unanswered import UnansweredQuestion
from livedash_core.operations.listed_session import ListedSession
from livedash_core.operations.rejections import RejectedLine
from livedash_core.parsing.spreadsheet import spreadsheet_line
from livedash_core.pipeline import Pipeline

_COLUMNS = ("id", "external_session_id", "company", "started_at", "language", "sentiment", "category", "escalated",
            "forwarded_hr", "outcome", "missing", "outcome_reason", "summary")  # fmt: skip


def csv_lines(sessions: Iterable[ListedSession], pipeline: Pipeline) -> Iterator[str]:
    """Yield a header and a line per session, with one column per stage."""
    yield spreadsheet_line((*_COLUMNS, *pipeline.names))
    for session in sessions:
        cells = [getattr(session, column) for column in _COLUMNS]
        yield spreadsheet_line((*cells, *(session.statuses.get(stage) for stage in pipeline.names)))


def unanswered_lines(questions: Iterable[UnansweredQuestion]) -> Iterator[str]:
    """Yield a header and a line per question whose sessions were not resolved."""
    yield spreadsheet_line(UnansweredQuestion._fields)
    for question in questions:
        yield spreadsheet_line(question)


def cost_lines(by: str, lines: Iterable[CostLine]) -> Iterator[str]:
    """Yield a header and a line per day, company or model; amounts are exact, in USD."""
    columns = [field.name for field in fields(CostLine) if field.name not in ("key", "cost")]
    yield spreadsheet_line((by, *columns))
    for line in lines:
        yield spreadsheet_line((line.key, *(_plain(getattr(line, name)) for name in columns)))


def _plain(value: object) -> object:
    """An amount without an exponent."""
    return f"{value:f}" if isinstance(value, Decimal) else value


def rejection_lines(rejections: Iterable[RejectedLine]) -> Iterator[str]:
    """Yield a header and a line per rejected line of a company's CSV."""
    yield spreadsheet_line(RejectedLine._fields)
    for rejection in rejections:
        yield spreadsheet_line(rejection)

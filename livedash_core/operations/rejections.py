"""What was not taken of companies' CSVs: rejected lines, and what is not certain about how a CSV was read."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select

from livedash_core.models import Company, CompanyCsv, ImportRejection
from livedash_core.status.redaction import redact


class RejectedLine(NamedTuple):
    """A line of a company's present CSV that was not taken; ``occurrences`` lines are the same."""

    company: str
    line_number: int
    occurrences: int
    reason: str
    raw_text: str
    rejected_at: datetime


class CsvFindings(NamedTuple):
    """Rejected lines of a company's CSV, by how many they are more than in the version before, and notes on it."""

    company: str
    rejected: int
    more: int | None
    since: datetime | None
    first_line: int | None
    first_reason: str | None
    notes: list[str]

    @property
    def sentence(self) -> str:
        """The rejected lines as text: number, trend, start, and the first reason."""
        lines = "1 line" if self.rejected == 1 else f"{self.rejected:,} lines"
        trend = f" ({self.more:+,} since the version before)" if self.more else ""
        since = f", since {self.since.astimezone(UTC):%Y-%m-%d %H:%MZ}" if self.since else ""
        first = f"; line {self.first_line}: {self.first_reason}" if self.first_line is not None else ""
        return (
            f"{self.company}: {lines} of its CSV rejected{trend}{since}{first}. "
            f"See: livedash rejections --company {shlex.quote(self.company)}"
        )


def list_rejections(
    connection: Connection, company_ids: Iterable[UUID] | None = None, *, limit: int | None = None
) -> Iterator[RejectedLine]:
    """List the rejected lines by company and line; None stands for all companies. Texts are without secrets."""
    wanted = select(
        Company.name,
        ImportRejection.line_number,
        ImportRejection.occurrences,
        ImportRejection.reason,
        ImportRejection.raw_text,
        ImportRejection.rejected_at,
    ).join(Company, Company.id == ImportRejection.company_id)
    if company_ids is not None:
        wanted = wanted.where(Company.id.in_(list(company_ids)))
    for row in connection.execute(wanted.order_by(Company.name, ImportRejection.line_number).limit(limit)):
        text = redact(row.raw_text) if row.raw_text else ""
        yield RejectedLine(*row[:3], redact(row.reason), text, row.rejected_at)


def csv_findings(connection: Connection, company_ids: Iterable[UUID] | None = None) -> list[CsvFindings]:
    """List the companies, by name, whose CSV has rejected lines or was read with notes."""
    of_company = (
        select(
            ImportRejection.company_id,
            func.sum(ImportRejection.occurrences).label("lines"),
            func.min(ImportRejection.rejected_at).label("since"),
            func.min(ImportRejection.line_number).label("first_line"),
        )
        .group_by(ImportRejection.company_id)
        .subquery()
    )
    first = ImportRejection.__table__.alias("first")
    wanted = (
        select(
            Company.name,
            of_company.c.lines,
            of_company.c.since,
            of_company.c.first_line,
            first.c.reason,
            CompanyCsv.reading,
            CompanyCsv.rejected_lines,
            CompanyCsv.rejected_before,
        )
        .join(of_company, of_company.c.company_id == Company.id, isouter=True)
        .join(
            first,
            (first.c.company_id == Company.id) & (first.c.line_number == of_company.c.first_line),
            isouter=True,
        )
        .join(CompanyCsv, (CompanyCsv.company_id == Company.id) & (CompanyCsv.url == Company.csv_url), isouter=True)
        .order_by(Company.name)
    )
    if company_ids is not None:
        wanted = wanted.where(Company.id.in_(list(company_ids)))
    return [found for row in connection.execute(wanted) if (found := _finding(row))]


def _finding(row: Any) -> CsvFindings | None:
    notes = [redact(note) for note in (row.reading or {}).get("notes", ())]
    rejected = int(row.lines or 0)
    if not rejected and not notes:
        return None
    before = row.rejected_before
    more = None if before is None or row.rejected_lines is None else row.rejected_lines - before
    reason = redact(row.reason) if row.reason else None
    return CsvFindings(row.name, rejected, more, row.since, row.first_line, reason, notes)

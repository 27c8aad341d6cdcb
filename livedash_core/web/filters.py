"""What every page can be narrowed down to: a company, and the days on which sessions started."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Query
from sqlalchemy import Connection, select

from livedash_core.errors import UnknownCompany, UsageError
from livedash_core.models import Company

#: Of a company's name on a page.
MAX_CHARACTERS = 60
#: As the form of a run has it (``livedash_core.airflow.forms``).
MOST_CHARACTERS_OF_A_FORM = 200


class CompanyChoice(NamedTuple):
    """A company one can filter by."""

    id: UUID
    name: str
    status: str

    @property
    def key(self) -> str:
        """For an address: the name, or the id where the name is a long one. It stands in every link of a page."""
        return self.name if len(self.name) <= MAX_CHARACTERS else str(self.id)

    @property
    def label(self) -> str:
        """For people."""
        return self.name if len(self.name) <= MAX_CHARACTERS else self.name[: MAX_CHARACTERS - 1] + "…"


class Filters(NamedTuple):
    """As they came with the address, read and checked. ``company`` is a name or an id; empty: every one."""

    company: str
    first_day: date | None
    last_day: date | None

    def as_query(self) -> dict[str, str]:
        """For an address of ours."""
        return {
            "company": self.company,
            "from": self.first_day.isoformat() if self.first_day else "",
            "to": self.last_day.isoformat() if self.last_day else "",
        }

    def as_form(self) -> dict[str, str]:
        """The days for the form of a run; none that were not asked for."""
        days = self.as_query()
        return {name: days[name] for name in ("from", "to") if days[name]}

    @property
    def has_days(self) -> bool:
        """Whether it is about some days only."""
        return self.first_day is not None or self.last_day is not None

    @property
    def started_from(self) -> datetime | None:
        """Midnight (UTC) before the first day."""
        return datetime.combine(self.first_day, time(), UTC) if self.first_day else None

    @property
    def started_before(self) -> datetime | None:
        """Midnight (UTC) after the last day."""
        return datetime.combine(self.last_day + timedelta(days=1), time(), UTC) if self.last_day else None


@dataclass(frozen=True, slots=True)
class Companies:
    """All there are, by name, and the one that was asked for."""

    all: list[CompanyChoice]
    chosen: CompanyChoice | None

    @property
    def asked(self) -> list[CompanyChoice]:
        """The one that was asked for, or all."""
        return [self.chosen] if self.chosen else self.all

    @property
    def ids(self) -> list[UUID]:
        """Of those."""
        return [company.id for company in self.asked]

    @property
    def key(self) -> str:
        """Of the one that was asked for, for an address; empty for all."""
        return self.chosen.key if self.chosen else ""

    @property
    def labels(self) -> dict[UUID, str]:
        """By id."""
        return {company.id: company.label for company in self.all}

    @property
    def can_run(self) -> bool:
        """Whether a run would take any of them: only active companies are processed, and a form has room for a name."""
        too_long = self.chosen is not None and len(self.chosen.name) > MOST_CHARACTERS_OF_A_FORM
        return not too_long and any(company.status == "ACTIVE" for company in self.asked)


def read_filters(
    company: str = "",
    first_day: Annotated[str, Query(alias="from")] = "",
    last_day: Annotated[str, Query(alias="to")] = "",
) -> Filters:
    """A FastAPI dependency. Raises ``UsageError`` for days that make no sense: 400."""
    first, last = _day(first_day), _day(last_day)
    if first and last and last < first:
        raise UsageError(f"the first day, {first}, is after the last day, {last}")
    return Filters(company, first, last)


AskedFilters = Annotated[Filters, Depends(read_filters)]


def read_companies(connection: Connection, filters: Filters) -> tuple[Companies, Filters]:
    """All companies, and the filters with the key of the one asked for. Raises ``UnknownCompany``: 404."""
    name = filters.company
    rows = connection.execute(select(Company.id, Company.name, Company.status).order_by(Company.name))
    companies = [CompanyChoice(*row) for row in rows]
    # Chosen here, not in SQL: the name came with the URL, and PostgreSQL refuses some strings (NUL) with an error.
    chosen = next((company for company in companies if name in (company.name, str(company.id))), None)
    if name and chosen is None:
        raise UnknownCompany(name[: 2 * MAX_CHARACTERS])
    found = Companies(companies, chosen)
    return found, filters._replace(company=found.key)


def _day(written: str) -> date | None:
    try:
        day = date.fromisoformat(written) if written else None
    except ValueError:
        day = date.max
    if day is not None and not date(1970, 1, 1) <= day <= date(9000, 1, 1):
        raise UsageError(f"{written[:40]!r} is not a day like 2026-03-31")
    return day

"""The filter form that all pages share: a company, and the days on which sessions started."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, NamedTuple
from uuid import UUID

from fastapi import Depends, Query, Request
from sqlalchemy import Connection, select

from livedash_core.enums import ACTIVE
from livedash_core.errors import NoCompanyGranted, UnknownCompany, UnknownSession
from livedash_core.models import Company, SessionImport
from livedash_core.operations.company_access import Visitor, company_resource
from livedash_core.parsing.days import day_window, parse_day
from livedash_core.status import Scope

#: Characters of a company's name on a page.
MAX_CHARACTERS = 60
#: The longest company name that the form of a run accepts (``livedash_core.airflow.forms``).
MAX_FORM_CHARACTERS = 200
#: The days that pages accept: a period as long as the one that is shown must exist before it.
EARLIEST_DAY, LATEST_DAY = date(1970, 1, 1), date(9000, 1, 1)


_CHOICE = (Company.id, Company.name, Company.status, Company.timezone)


class CompanyChoice(NamedTuple):
    """A company in the filter form."""

    id: UUID
    name: str
    status: str
    timezone: str

    @property
    def key(self) -> str:
        """The value in addresses: the name, or the id if the name is long. Every link of a page contains it."""
        return self.name if len(self.name) <= MAX_CHARACTERS else str(self.id)

    @property
    def label(self) -> str:
        """The name as shown, cut off if it is long."""
        return self.name if len(self.name) <= MAX_CHARACTERS else self.name[: MAX_CHARACTERS - 1] + "…"


class FilterForm(NamedTuple):
    """The fields of the filter form, parsed, and who sent them.

    ``company`` is a name or an id; empty: all companies that the visitor may read.
    """

    company: str
    first_day: date | None
    last_day: date | None
    visitor: Visitor

    def as_query(self) -> dict[str, str]:
        """The fields as query parameters of a page."""
        return {
            "company": self.company,
            "from": self.first_day.isoformat() if self.first_day else "",
            "to": self.last_day.isoformat() if self.last_day else "",
        }

    def as_conf(self) -> dict[str, str]:
        """The days as fields of a run's form, without empty ones."""
        days = self.as_query()
        return {name: days[name] for name in ("from", "to") if days[name]}

    @property
    def has_days(self) -> bool:
        """Whether the form has a first or a last day."""
        return self.first_day is not None or self.last_day is not None

    def scope(self, companies: Companies, *, only_active: bool = False) -> Scope:
        """The sessions of the chosen company, or of all that the visitor may read, that started in these days.

        ``only_active`` leaves out companies whose sessions a run does not process.
        """
        company_ids: tuple[UUID, ...] | None = (companies.chosen.id,) if companies.chosen else None
        if companies.restricted:
            company_ids = tuple(companies.ids)
        if only_active:
            company_ids = tuple(company.id for company in companies.selected if company.status == ACTIVE)
        started_from, started_before = day_window(self.first_day, self.last_day)
        return Scope(company_ids=company_ids, started_from=started_from, started_before=started_before)


@dataclass(frozen=True, slots=True)
class Companies:
    """All companies that the visitor may read, by name, and the one that the filter form names.

    ``restricted``: what a page shows must be limited to these companies, because there may be others.
    """

    all: list[CompanyChoice]
    chosen: CompanyChoice | None
    restricted: bool = False

    @property
    def selected(self) -> list[CompanyChoice]:
        """The chosen company, or all."""
        return [self.chosen] if self.chosen else self.all

    @property
    def ids(self) -> list[UUID]:
        """The ids of the selected companies."""
        return [company.id for company in self.selected]

    @property
    def key(self) -> str:
        """The chosen company's value in addresses; empty for all."""
        return self.chosen.key if self.chosen else ""

    @property
    def timezone(self) -> str | None:
        """The time zone of the chosen company; None for all."""
        return self.chosen.timezone if self.chosen else None

    @property
    def labels(self) -> dict[UUID, str]:
        """Company id → name as shown."""
        return {company.id: company.label for company in self.all}

    @property
    def can_run(self) -> bool:
        """Whether a run can process a selected company: one is active, and the form of a run accepts the name.

        A run without a company processes all of them, so that a restricted visitor has to choose one first.
        """
        too_long = self.chosen is not None and len(self.chosen.name) > MAX_FORM_CHARACTERS
        too_many = self.restricted and self.chosen is None
        return not too_long and not too_many and any(company.status == ACTIVE for company in self.selected)


def parse_filters(
    request: Request,
    company: str = "",
    first_day: Annotated[str, Query(alias="from")] = "",
    last_day: Annotated[str, Query(alias="to")] = "",
) -> FilterForm:
    """Parse the filter form: a FastAPI dependency. Raises ``UsageError`` for days that are invalid (status 400)."""
    first, last = (
        parse_day(text, earliest=EARLIEST_DAY, latest=LATEST_DAY) if text else None for text in (first_day, last_day)
    )
    day_window(first, last)
    return FilterForm(company, first, last, request.state.visitor)


Filters = Annotated[FilterForm, Depends(parse_filters)]


def read_companies(connection: Connection, filters: FilterForm) -> tuple[Companies, FilterForm]:
    """Read the companies that the visitor may read; with the form, whose company is now a key.

    Every page begins with this: it decides what the page may show. Raises ``UnknownCompany`` (status 404) for a company
    that does not exist or is not granted, ``NoCompanyGranted`` (403) if there are companies and none is granted.
    """
    name = filters.company
    rows = connection.execute(select(*_CHOICE).order_by(Company.name))
    existing = [CompanyChoice(*row) for row in rows]
    companies = _granted(filters.visitor, existing)
    if existing and not companies:
        raise NoCompanyGranted(filters.visitor.name)
    # Compared here and not in SQL: the name comes from the URL, and PostgreSQL raises an error for NUL.
    chosen = next((company for company in companies if name in (company.name, str(company.id))), None)
    if name and chosen is None:
        raise UnknownCompany(name[: 2 * MAX_CHARACTERS])
    found = Companies(companies, chosen, restricted=filters.visitor.granted is not None)
    return found, filters._replace(company=found.key)


def check_session(connection: Connection, filters: FilterForm, session_id: UUID) -> CompanyChoice:
    """Return the session's company. Raises ``UnknownSession`` (status 404) if the visitor may not read it."""
    row = connection.execute(
        select(*_CHOICE)
        .join(SessionImport, SessionImport.company_id == Company.id)
        .where(SessionImport.id == session_id)
    ).first()
    found = _granted(filters.visitor, [CompanyChoice(*row)]) if row else []
    if not found:
        raise UnknownSession(session_id)
    return found[0]


def _granted(visitor: Visitor, companies: list[CompanyChoice]) -> list[CompanyChoice]:
    """The companies among these that the visitor may read, all of them asked for at once."""
    if visitor.granted is None:
        return companies
    resources = {company.id: company_resource(company.id, company.name) for company in companies}
    granted = set(visitor.granted(list(resources.values())))
    return [company for company in companies if resources[company.id] in granted]

"""What the pages show, read from the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, select

from livedash_core.errors import UnknownCompany
from livedash_core.models import Company, Session
from livedash_core.status import Breakdown, read_breakdown
from livedash_core.status.incidents import Incident, list_incidents


class CompanyChoice(NamedTuple):
    """A company one can filter by."""

    id: UUID
    name: str
    status: str


class Judge(NamedTuple):
    """Who judged how many sessions; ``model`` is the one that answered, ``None`` offline."""

    analyzer: str
    model: str | None
    sessions: int


@dataclass(frozen=True, slots=True)
class Overview:
    """The pipeline of one company or all, at one instant."""

    companies: list[CompanyChoice]
    breakdown: Breakdown
    incidents: list[Incident]
    judges: list[Judge]


def read_overview(connection: Connection, stages: tuple[str, ...], company: str | None) -> Overview:
    """Read it all; ``company`` is a name, ``None`` means every one. Raises ``UnknownCompany``."""
    rows = connection.execute(select(Company.id, Company.name, Company.status).order_by(Company.name))
    companies = [CompanyChoice(*row) for row in rows]
    # Chosen here, not in SQL: the name came with the URL, and PostgreSQL refuses some strings (NUL) with an error.
    chosen = None if company is None else [choice.id for choice in companies if choice.name == company]
    if company is not None and not chosen:
        raise UnknownCompany(company)
    return Overview(
        companies=companies,
        breakdown=read_breakdown(connection, stages, chosen),
        incidents=[
            incident
            for incident in list_incidents(connection)
            if company is None or incident.company is None or incident.company == company
        ],
        judges=_judges(connection, chosen),
    )


def _judges(connection: Connection, company_ids: list[UUID] | None) -> list[Judge]:
    sessions = func.count()
    query = select(Session.analyzer, Session.model, sessions).where(Session.analyzer.is_not(None))
    if company_ids is not None:
        query = query.where(Session.company_id.in_(company_ids))
    rows = connection.execute(query.group_by(Session.analyzer, Session.model).order_by(sessions.desc(), Session.model))
    return [Judge(analyzer or "", model, number) for analyzer, model, number in rows]

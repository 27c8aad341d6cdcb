"""Open incidents: conditions that stop a stage, recorded by the run that meets them and closed by one that succeeds."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from livedash_core.models import Company, SystemicIncident
from livedash_core.status.redaction import redact


class Incident(NamedTuple):
    """One open incident; ``company`` is ``None`` if it affects all companies."""

    stage: str
    company: str | None
    message: str
    first_seen_at: datetime
    last_seen_at: datetime
    #: ``systemic``: an operator has to act. ``budget``, ``rate limit``, ``status``: it ends by itself.
    kind: str = "systemic"

    @property
    def sentence(self) -> str:
        """The incident as text: the stage, the start, and the reason."""
        state = "is stopped" if self.kind == "systemic" else "waits"
        return f"{self.stage} {state} since {self.first_seen_at.astimezone(UTC):%Y-%m-%d %H:%MZ}: {self.message}"


def open_incident(
    connection: Connection, stage: str, company_id: UUID | None, message: str, *, kind: str = "systemic"
) -> None:
    """Record that ``stage`` is stopped for one company, or for all (``None``)."""
    values = {"stage": stage, "company_id": company_id, "message": redact(message), "kind": kind}
    statement = insert(SystemicIncident).values(values)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["stage", "company_id"],
            set_={
                "message": statement.excluded.message,
                "kind": statement.excluded.kind,
                "last_seen_at": func.now(),
            },
        )
    )


def close_incidents(connection: Connection, stage: str, company_ids: Iterable[UUID], *, for_everyone: bool) -> None:
    """Delete incidents of ``stage`` for these companies, and with ``for_everyone`` those that affect all companies."""
    of_companies = SystemicIncident.company_id.in_(list(company_ids))
    affected = or_(of_companies, SystemicIncident.company_id.is_(None)) if for_everyone else of_companies
    connection.execute(delete(SystemicIncident).where(SystemicIncident.stage == stage, affected))


def list_incidents(connection: Connection) -> list[Incident]:
    """List the open incidents, oldest first."""
    rows = connection.execute(
        select(
            SystemicIncident.stage,
            Company.name,
            SystemicIncident.message,
            SystemicIncident.first_seen_at,
            SystemicIncident.last_seen_at,
            SystemicIncident.kind,
        )
        .join(Company, Company.id == SystemicIncident.company_id, isouter=True)
        .order_by(SystemicIncident.first_seen_at)
    )
    return [Incident(*row) for row in rows]

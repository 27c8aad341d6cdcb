"""What stops a stage right now: written when it does, gone when a run gets through again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from livedash_core.models import Company, SystemicIncident
from livedash_core.status.redaction import presentable


class Incident(NamedTuple):
    """One open incident; ``company`` is ``None`` when it stops everyone."""

    stage: str
    company: str | None
    message: str
    first_seen_at: datetime
    last_seen_at: datetime
    #: ``systemic``: somebody has to mend it. ``budget``, ``rate limit``, ``status``: the company only has to wait.
    kind: str = "systemic"

    @property
    def sentence(self) -> str:
        """For people: the stage, since when, and why."""
        stands = "is stopped" if self.kind == "systemic" else "waits"
        return f"{self.stage} {stands} since {self.first_seen_at.astimezone(UTC):%Y-%m-%d %H:%MZ}: {self.message}"


def open_incident(
    connection: Connection, stage: str, company_id: UUID | None, message: str, *, kind: str = "systemic"
) -> None:
    """Record that ``stage`` is stopped, for one company or for all."""
    values = {"stage": stage, "company_id": company_id, "message": presentable(message), "kind": kind}
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
    """``stage`` got through for these companies, and for everyone if so said."""
    named = SystemicIncident.company_id.in_(list(company_ids))
    whose = or_(named, SystemicIncident.company_id.is_(None)) if for_everyone else named
    connection.execute(delete(SystemicIncident).where(SystemicIncident.stage == stage, whose))


def list_incidents(connection: Connection) -> list[Incident]:
    """What is stopped now, oldest first."""
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

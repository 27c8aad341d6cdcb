"""Open incidents: conditions that stop a stage, recorded by the run that meets them and closed by one that succeeds."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, delete, func, or_
from sqlalchemy.dialects.postgresql import insert

from livedash_core.models import SystemicIncident
from livedash_core.status.grouping import failure_group
from livedash_core.status.redaction import redact
from livedash_core.status.statements import statement

#: Companies that a sentence about many of them names.
SHOWN_COMPANIES = 5
#: A host name differs between companies whose sources fail for the same reason.
_HOST = re.compile(r"\b(?:[\w-]+\.)+[a-z]{2,}\b(?::\d+)?", re.IGNORECASE)


class Incident(NamedTuple):
    """One open incident; ``company`` is ``None`` if it affects all companies."""

    stage: str
    company: str | None
    message: str
    first_seen_at: datetime
    last_seen_at: datetime
    #: ``systemic``: an operator has to act. ``budget``, ``rate limit``, ``status``: it ends by itself. ``partial``: the
    #: model server reads long conversations in part.
    kind: str = "systemic"

    @property
    def state(self) -> str:
        """What the stage does meanwhile."""
        return {"systemic": "is stopped", "partial": "reads conversations in part"}.get(self.kind, "waits")

    @property
    def sentence(self) -> str:
        """The incident as text: the stage, the start, and the reason."""
        # Most messages begin with the company.
        whose = f" for {self.company}" if self.company and self.company not in self.message else ""
        since = f"{self.first_seen_at.astimezone(UTC):%Y-%m-%d %H:%MZ}"
        return f"{self.stage} {self.state}{whose} since {since}: {self.message}"


def group_by_cause(incidents: Iterable[Incident]) -> list[list[Incident]]:
    """Group incidents of the same stage and reason, whichever company they affect; keeps the order of the oldest."""
    groups: dict[tuple[str | bool, ...], list[Incident]] = {}
    for incident in incidents:
        reason = incident.message.replace(incident.company, "") if incident.company else incident.message
        for_all = incident.company is None
        cause = (incident.stage, incident.kind, for_all, failure_group(_HOST.sub("<host>", reason)))
        groups.setdefault(cause, []).append(incident)
    return list(groups.values())


def cause_sentence(group: Sequence[Incident]) -> str:
    """Describe the incidents of one cause in one sentence, with the first companies by name."""
    oldest, companies = group[0], [str(incident.company) for incident in group]
    if len(group) == 1:
        return oldest.sentence
    others = len(companies) - SHOWN_COMPANIES
    names = ", ".join(companies[:SHOWN_COMPANIES]) + (f" and {others} others" if others > 0 else "")
    return f"{oldest.sentence} (the same for {len(companies)} companies: {names})"


def open_incident(
    connection: Connection, stage: str, company_id: UUID | None, message: str, *, kind: str = "systemic"
) -> None:
    """Record that ``stage`` is stopped for one company, or for all (``None``)."""
    values = {"stage": stage, "company_id": company_id, "message": redact(message), "kind": kind}
    added = insert(SystemicIncident).values(values)
    connection.execute(
        added.on_conflict_do_update(
            index_elements=["stage", "company_id"],
            set_={
                "message": added.excluded.message,
                "kind": added.excluded.kind,
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
    """List the open incidents, oldest first, without those whose cause is gone.

    A cause is gone when the company is not active any more, or when no session of the stage is unfinished. A model
    server that reads prompts in part is listed as long as that is remembered.
    """
    return [Incident(*row) for row in connection.execute(statement("incidents"))]

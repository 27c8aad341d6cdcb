"""The pipeline in numbers: how many sessions are where. One function, two faces: the CLI and the page."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.enums import STAGE_STATUSES
from livedash_core.pipeline import Pipeline
from livedash_core.status.statements import statement

#: How the ledger counts a PENDING session that an earlier stage holds back.
WAITING = "WAITING"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """Sessions per stage and status; every stage and status is there, zero or not, stages in order.

    ``held_back`` says how many of a stage's PENDING sessions an earlier stage holds back.
    """

    stages: dict[str, dict[str, int]]
    held_back: dict[str, int]

    @property
    def total_sessions(self) -> int:
        """Sessions known to the pipeline. Each has a row in the first stage."""
        return sum(next(iter(self.stages.values())).values()) if self.stages else 0

    @property
    def lacks_rows(self) -> bool:
        """Whether a session has no row for some stage: the stage was added after the session."""
        return any(sum(counted.values()) < self.total_sessions for counted in self.stages.values())

    def done(self, stage: str) -> int:
        """Sessions that are through ``stage``, done or skipped."""
        return self.stages[stage]["COMPLETED"] + self.stages[stage]["SKIPPED"]

    def waiting(self, stage: str) -> int:
        """PENDING sessions of ``stage`` that an earlier stage still holds back."""
        return self.held_back[stage]

    def ready(self, stage: str) -> int:
        """PENDING sessions of ``stage`` that no earlier stage holds back: due now, or waiting for a retry."""
        return self.stages[stage]["PENDING"] - self.waiting(stage)

    def as_dict(self) -> dict[str, object]:
        """What `livedash status --json` prints."""
        return {"total_sessions": self.total_sessions, "stages": self.stages}


def read_breakdown(
    connection: Connection, pipeline: Pipeline, company_ids: Iterable[UUID] | None = None, *, recount: bool = False
) -> Breakdown:
    """The breakdown of all companies or some, exact at one instant, from the ledger.

    ``recount`` counts the rows themselves instead: the proof, slow on a large table.
    """
    found = connection.execute(
        statement("recount" if recount else "breakdown"),
        {"company_ids": None if company_ids is None else list(company_ids)},
    )
    counts = {stage: dict.fromkeys((*STAGE_STATUSES, WAITING), 0) for stage in pipeline.names}
    for stage, status, sessions in found:
        # A stage that was taken out of the registry leaves its rows behind; they are not part of the picture.
        if stage in counts:
            counts[stage][status] = int(sessions)
    held_back = {stage: counted.pop(WAITING) for stage, counted in counts.items()}
    for stage, counted in counts.items():
        counted["PENDING"] += held_back[stage]
    return Breakdown(counts, held_back)


def fold(connection: Connection) -> None:
    """Move what the ledgers appended into their counts, so that reading stays as cheap as it is."""
    connection.execute(statement("fold"))
    connection.execute(statement("fold_failures"))

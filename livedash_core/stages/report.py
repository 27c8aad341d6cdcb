"""The report of a stage's run: counts, the first few failures, incidents and deferrals."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from livedash_core.errors import SystemicError
from livedash_core.outcomes import Deferred

#: Failures named in a report; the rest are counted, and `livedash failures` lists them all.
SHOWN_FAILURES = 10


@dataclass
class StageReport:
    """Sessions by outcome; ``claimed`` is the sum of the other four, unless a lease was lost meanwhile.

    ``failed`` counts failed attempts, retried ones included. ``seconds`` is wall clock.
    """

    stage: str
    claimed: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    released: int = 0
    seconds: float = 0.0
    failures: list[tuple[UUID, str]] = field(default_factory=list)
    #: Errors that stopped the stage or a company. Each of them turns the Airflow task red.
    incidents: list[SystemicError] = field(default_factory=list)
    #: Companies whose CSV has not changed since it was last imported.
    unchanged: list[str] = field(default_factory=list)
    #: Companies and how many lines of their CSVs were rejected, with the first reason.
    rejected: dict[str, tuple[int, str]] = field(default_factory=dict)
    #: Why companies were deferred to a later run (a budget, a rate limit): not errors.
    deferred: list[Deferred] = field(default_factory=list)

    @property
    def moved(self) -> int:
        """Sessions that moved on to the next stage."""
        return self.completed + self.skipped

    @property
    def rejected_lines(self) -> int:
        """Lines of all CSVs that were rejected."""
        return sum(lines for lines, _ in self.rejected.values())

    def note_failure(self, session_id: UUID, message: str) -> None:
        """Count a failed attempt and keep the first few messages."""
        self.failed += 1
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append((session_id, message))

    def add(self, other: StageReport) -> None:
        """Add the report of another run of the same stage; equal incidents and deferrals count once."""
        for name in ("claimed", "completed", "failed", "skipped", "released", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failures += other.failures[: SHOWN_FAILURES - len(self.failures)]
        self.unchanged += other.unchanged
        self.rejected |= other.rejected
        self.deferred += [deferred for deferred in other.deferred if deferred not in self.deferred]
        known = {str(incident) for incident in self.incidents}
        self.incidents += [incident for incident in other.incidents if str(incident) not in known]

    def as_dict(self) -> dict[str, int | float]:
        """The counts and seconds, as `livedash process --json` prints them."""
        return {
            "claimed": self.claimed,
            "completed": self.completed,
            "failed": self.failed,
            "skipped": self.skipped,
            "released": self.released,
            "seconds": round(self.seconds, 3),
        }

"""What a run of a stage did, in numbers and in the first few failures."""

from __future__ import annotations

from dataclasses import dataclass, field
from uuid import UUID

from livedash_core.errors import Deferred, SystemicError

#: Failures named in a report; the rest are counted, and `livedash failures` lists them all.
SHOWN_FAILURES = 10


@dataclass
class StageReport:
    """Sessions by what became of them; ``claimed`` is the sum of the other four, unless a lease was lost meanwhile.

    ``failed`` counts failed attempts, also of those that will be retried. ``seconds`` is wall clock.
    """

    stage: str
    claimed: int = 0
    completed: int = 0
    failed: int = 0
    skipped: int = 0
    released: int = 0
    seconds: float = 0.0
    failures: list[tuple[UUID, str]] = field(default_factory=list)
    #: What stopped the stage, or a company in it. Any of these makes an Airflow task red.
    incidents: list[SystemicError] = field(default_factory=list)
    #: Companies whose CSV is still the one that was imported last.
    unchanged: list[str] = field(default_factory=list)
    #: Companies that wait for their turn: nothing is wrong with those.
    held_back: list[Deferred] = field(default_factory=list)

    @property
    def moved(self) -> int:
        """Sessions that went on to the next stage."""
        return self.completed + self.skipped

    def note_failure(self, session_id: UUID, message: str) -> None:
        """Count a failed attempt and keep the first few."""
        self.failed += 1
        if len(self.failures) < SHOWN_FAILURES:
            self.failures.append((session_id, message))

    def add(self, other: StageReport) -> None:
        """Take in what another run of the stage did, before or after this one; an incident counts once."""
        for name in ("claimed", "completed", "failed", "skipped", "released", "seconds"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.failures += other.failures[: SHOWN_FAILURES - len(self.failures)]
        self.unchanged += other.unchanged
        self.held_back += other.held_back
        told = {str(incident) for incident in self.incidents}
        self.incidents += [incident for incident in other.incidents if str(incident) not in told]

    def as_dict(self) -> dict[str, int | float]:
        """What `livedash process --json` prints."""
        return {
            "claimed": self.claimed,
            "completed": self.completed,
            "failed": self.failed,
            "skipped": self.skipped,
            "released": self.released,
            "seconds": round(self.seconds, 3),
        }

"""The report of a migration: accounts for every row of the source."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livedash_core.livedash_node_migration.states import States
from livedash_core.pipeline import BUILT_IN

#: Ids that are listed per reason, at most.
EXAMPLES = 1000
_CHECKSUM_BITS = 64


@dataclass
class TableReport:
    """A table of the source: its rows are ``copied`` now, ``existing`` from an earlier run, or ``listed``.

    The checksums cover the ``checked`` rows, which are those copied now, in source and target.
    """

    source: int = 0
    copied: int = 0
    existing: int = 0
    listed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    checked: int = 0
    source_checksum: int = 0
    target_checksum: int = 0

    def list(self, reason: str, ids: Iterable[str | None]) -> None:
        """List rows that are not copied, by their source ids."""
        for source_id in ids:
            self.listed[reason] += 1
            kept = self.examples.setdefault(reason, [])
            if len(kept) < EXAMPLES and source_id is not None:
                kept.append(source_id)

    @property
    def adds_up(self) -> bool:
        """Whether every row is copied, existing or listed."""
        return self.source == self.copied + self.existing + self.listed.total()

    @property
    def agrees(self) -> bool:
        """Whether source and target have the same checksum."""
        return self.source_checksum == self.target_checksum

    def as_dict(self) -> dict[str, Any]:
        """Return the table's part of `livedash migrate --json`."""
        return {
            "source": self.source,
            "copied": self.copied,
            "here_before": self.existing,
            "listed": self.listed.total(),
            "adds_up": self.adds_up,
            "checked": self.checked,
            "checksum_there": checksum(self.source_checksum),
            "checksum_here": checksum(self.target_checksum),
        }


@dataclass
class Report:
    """The result of `livedash migrate`. ``stages`` counts the statuses of the copied sessions' stages."""

    generation: str
    dry_run: bool
    tables: dict[str, TableReport]
    stages: dict[str, Counter[str]] = field(default_factory=lambda: {stage: Counter() for stage in BUILT_IN.names})
    notes: list[str] = field(default_factory=list)
    connections_file: Path | None = None
    #: Sessions that are not copied and questions without words; their dependent rows are counted at the end.
    refused_sessions: list[str] = field(default_factory=list)
    blank_questions: set[str] = field(default_factory=set)
    candidates: int = 0
    done: int = 0
    seconds: float = 0

    @property
    def is_sound(self) -> bool:
        """Whether every row is accounted for and all checksums agree."""
        return all(table.adds_up and table.agrees for table in self.tables.values())

    def count_states(self, states: States) -> None:
        """Count the statuses of a copied session."""
        for state in states:
            self.stages[state.stage][state.status] += 1

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON of `livedash migrate --json`."""
        return {
            "generation": self.generation,
            "dry_run": self.dry_run,
            "sound": self.is_sound,
            "seconds": round(self.seconds, 3),
            "tables": {name: table.as_dict() for name, table in self.tables.items()},
            "listed": [
                {"table": name, "reason": reason, "rows": rows, "ids": table.examples.get(reason, [])}
                for name, table in self.tables.items()
                for reason, rows in table.listed.items()
            ],
            "stages": {stage: dict(counts) for stage, counts in self.stages.items()},
            "notes": self.notes,
            "connections_file": self.connections_file and str(self.connections_file),
        }


def checksum(total: int) -> str:
    """Format a sum of 64-bit hashes as 16 hexadecimal digits."""
    return f"{total % 2**_CHECKSUM_BITS:016x}"

"""What became of every row of the old database, and the proof that it adds up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livedash_core.livedash_node_migration.states import States
from livedash_core.pipeline import BUILT_IN

#: Ids that are kept of the rows that are listed for one reason.
EXAMPLES = 1000
_CHECKSUM_BITS = 64


@dataclass
class TableReport:
    """One table of the old database: ``source`` rows are ``copied`` now, ``here`` from an earlier run, or ``listed``.

    The checksums are of the rows copied now, as they are there and as they are here; ``checked`` says how many.
    """

    source: int = 0
    copied: int = 0
    here: int = 0
    listed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)
    checked: int = 0
    checksum_there: int = 0
    checksum_here: int = 0

    def list(self, reason: str, ids: Iterable[str | None]) -> None:
        """Rows that are not copied, by their old ids."""
        for old_id in ids:
            self.listed[reason] += 1
            kept = self.examples.setdefault(reason, [])
            if len(kept) < EXAMPLES and old_id is not None:
                kept.append(old_id)

    @property
    def adds_up(self) -> bool:
        """Whether every row is accounted for."""
        return self.source == self.copied + self.here + self.listed.total()

    @property
    def agrees(self) -> bool:
        """Whether what is here is what is there."""
        return self.checksum_there == self.checksum_here

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "source": self.source,
            "copied": self.copied,
            "here_before": self.here,
            "listed": self.listed.total(),
            "adds_up": self.adds_up,
            "checked": self.checked,
            "checksum_there": checksum(self.checksum_there),
            "checksum_here": checksum(self.checksum_here),
        }


@dataclass
class Report:
    """What `livedash migrate` did. ``stages`` counts the states that sessions copied now came with."""

    generation: str
    dry_run: bool
    tables: dict[str, TableReport]
    stages: dict[str, Counter[str]] = field(default_factory=lambda: {stage: Counter() for stage in BUILT_IN.names})
    notes: list[str] = field(default_factory=list)
    connections_file: Path | None = None
    #: Sessions that are not copied and questions without a word: few; what is theirs is counted at the end.
    refused_sessions: list[str] = field(default_factory=list)
    wordless_questions: set[str] = field(default_factory=set)
    candidates: int = 0
    done: int = 0
    seconds: float = 0

    @property
    def is_sound(self) -> bool:
        """Whether every row is accounted for and what is here is what is there."""
        return all(table.adds_up and table.agrees for table in self.tables.values())

    def count_states(self, states: States) -> None:
        """One more session came with these."""
        for state in states:
            self.stages[state.stage][state.status] += 1

    def as_dict(self) -> dict[str, Any]:
        """What `livedash migrate --json` prints."""
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
    """A sum of 64-bit hashes as 16 hexadecimal digits."""
    return f"{total % 2**_CHECKSUM_BITS:016x}"

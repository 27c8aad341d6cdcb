"""Load the labelled conversations, analyse them and measure the agreement with the labels."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from livedash_core.analysis.contract import Analysis, AnalysisRequest, Analyzer, Turn
from livedash_core.errors import PermanentError, TransientError
from livedash_core.outcomes import Deferred

#: The labelled fields, and the minimum agreement of the offline rules.
FLOORS = {"language": 0.95, "category": 0.75, "sentiment": 0.70, "escalated": 0.95, "forwarded_hr": 0.95}


@dataclass(frozen=True)
class Case:
    """A synthetic conversation and its labels: field → value."""

    name: str
    set: int
    adversarial: bool
    turns: tuple[Turn, ...]
    language_hint: str | None
    labels: dict[str, Any]


@dataclass(frozen=True)
class Analysed:
    """A case and its analysis; None if the analyzer failed, which counts as a disagreement in every field."""

    case: Case
    analysis: Analysis | None

    def agrees(self, field: str) -> bool:
        return self.analysis is not None and getattr(self.analysis, field) == self.case.labels[field]


def load_cases() -> list[Case]:
    found = json.loads(Path(__file__).with_name("labelled.json").read_text(encoding="utf-8"))
    return [
        Case(
            case["name"],
            case["set"],
            case.get("adversarial", False),
            tuple(Turn(role, content) for role, content in case["turns"]),
            case["language_hint"],
            {field: case[field] for field in FLOORS},
        )
        for case in found
    ]


async def analyse(analyzer: Analyzer, cases: Sequence[Case], *, at_once: int = 1) -> list[Analysed]:
    """Analyse the cases; the result has their order. Raises ``SystemicError``, which makes the measurement useless."""
    slots = asyncio.Semaphore(at_once)

    async def one(case: Case) -> Analysed:
        async with slots:
            try:
                request = AnalysisRequest(uuid4(), UUID(int=1), case.turns, case.language_hint)
                analysis = await analyzer.analyze(request)
                return Analysed(case, None if isinstance(analysis, Deferred) else analysis)
            except (PermanentError, TransientError):
                return Analysed(case, None)

    return list(await asyncio.gather(*map(one, cases)))


def agreement(analysed: Sequence[Analysed], field: str) -> float:
    """The share whose ``field`` is as labelled."""
    return sum(one.agrees(field) for one in analysed) / len(analysed)

"""The labelled outcomes in ``outcomes.json``, and how well an analyzer agrees with them.

The chats are synthetic and concern no real person. The offline rules were tuned on set 1; set 2 was written at the same
time by the same author, measured, and never tuned for. Labels follow the words of the prompt: an answer that fits the
question and to which the user did not object is RESOLVED, although the offline rules cannot tell that it fits.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from livedash_core.analysis.contract import Analyzer, Turn
from livedash_core.enums import SESSION_OUTCOMES, Missing, SessionOutcome
from tests.eval.cases import Analysed, Case, analyse

#: The minimum macro-F1 of the offline rules, over both sets and over the one that was held out.
OUTCOME_FLOOR, HELD_OUT_FLOOR = 0.78, 0.70
#: The minimum share of sessions that the offline rules call RESOLVED and that are.
RESOLVED_PRECISION_FLOOR = 0.90


class Judged(NamedTuple):
    """A chat's labels, and what an analyzer and the proxy said: RESOLVED unless it was escalated or sent to HR."""

    set: int
    label: SessionOutcome
    missing: Missing | None
    said: SessionOutcome | None
    said_missing: Missing | None
    proxy: SessionOutcome | None


def judge(analyzer: Analyzer, *, at_once: int = 1) -> list[Judged]:
    """Analyse the labelled chats. A chat that the analyzer fails on has no outcome, which counts as wrong."""
    cases = _load()

    async def all_cases() -> list[Analysed]:
        try:
            return await analyse(analyzer, cases, at_once=at_once)
        finally:
            await analyzer.close()

    return [_judged(one) for one in asyncio.run(all_cases())]


def macro_f1(judged: Sequence[Judged], said: Callable[[Judged], SessionOutcome | None]) -> float:
    """The mean of the F1 of all five outcomes: each counts the same, however rare it is."""
    return sum(_f1(judged, said, outcome) for outcome in SESSION_OUTCOMES) / len(SESSION_OUTCOMES)


def precision(judged: Sequence[Judged], outcome: SessionOutcome) -> float:
    """The share of the chats with this outcome, by the analyzer, that have it by their label."""
    found = [one for one in judged if one.said == outcome]
    return sum(one.label == outcome for one in found) / len(found) if found else 1.0


def recall(judged: Sequence[Judged], outcome: SessionOutcome) -> float:
    """The share of the chats with this outcome, by their label, for which the analyzer says so."""
    wanted = [one for one in judged if one.label == outcome]
    return sum(one.said == outcome for one in wanted) / len(wanted)


def missing_accuracy(judged: Sequence[Judged]) -> float:
    """Among the chats that are UNRESOLVED by label and analyzer, the share with the right reason."""
    both = [one for one in judged if one.label == one.said == "UNRESOLVED"]
    return sum(one.missing == one.said_missing for one in both) / len(both) if both else 0.0


def _f1(judged: Sequence[Judged], said: Callable[[Judged], SessionOutcome | None], outcome: SessionOutcome) -> float:
    right = sum(one.label == said(one) == outcome for one in judged)
    total = sum(one.label == outcome for one in judged) + sum(said(one) == outcome for one in judged)
    return 2 * right / total if total else 0.0


def _load() -> list[Case]:
    found = json.loads(Path(__file__).with_name("outcomes.json").read_text(encoding="utf-8"))
    return [
        Case(
            f"{case['language']} {number}",
            case["set"],
            False,
            tuple(Turn(role, content) for role, content in case["turns"]),
            case["language"],
            {"outcome": case["outcome"], "missing": case["missing"]},
        )
        for number, case in enumerate(found)
    ]


def _judged(one: Analysed) -> Judged:
    analysis = one.analysis
    proxy: SessionOutcome | None = None
    if analysis is not None:
        proxy = "HANDED_OVER" if analysis.escalated or analysis.forwarded_hr else "RESOLVED"
    return Judged(
        one.case.set,
        one.case.labels["outcome"],
        one.case.labels["missing"],
        analysis and analysis.outcome,
        analysis and analysis.missing,
        proxy,
    )

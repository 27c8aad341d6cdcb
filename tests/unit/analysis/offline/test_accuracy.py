"""How often the rules agree with labels written by hand, in ``labelled.json``.

The batches tell how much to believe: 1 and 2 were on the table while the rules and lists were made; 3 was written
afterwards, measured once and never tuned for. All three have the same author as the rules, which flatters them.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from livedash_core.analysis.contract import Analysis, AnalysisRequest, Turn
from livedash_core.analysis.offline import OfflineAnalyzer
from livedash_core.analysis.offline.text import fold, words
from livedash_core.analysis.offline.wordlists import load
from livedash_core.vocabulary import CATEGORIES

LABELLED: list[dict[str, Any]] = json.loads(Path(__file__).with_name("labelled.json").read_text(encoding="utf-8"))
UNSEEN = [case for case in LABELLED if case["batch"] == 3]


async def accuracy(analyzer: OfflineAnalyzer, cases: list[dict[str, Any]], field: str) -> tuple[float, list[str]]:
    """The share of ``cases`` whose ``field`` is as labelled, and the others, for the test's report."""
    judged = [(case, await judge(analyzer, case)) for case in cases]
    misses = [f"{case['name']}: {getattr(got, field)}" for case, got in judged if getattr(got, field) != case[field]]
    return 1 - len(misses) / len(cases), misses


async def judge(analyzer: OfflineAnalyzer, case: dict[str, Any]) -> Analysis:
    turns = tuple(Turn(role, content) for role, content in case["turns"])
    return await analyzer.analyze(AnalysisRequest(UUID(int=1), UUID(int=2), turns, case["language_hint"]))


@pytest.mark.parametrize(
    ("field", "floor"),
    [("language", 0.95), ("category", 0.75), ("sentiment", 0.70), ("escalated", 0.95), ("forwarded_hr", 0.95)],
)
async def test_the_rules_agree_with_the_labels(analyzer: OfflineAnalyzer, field: str, floor: float) -> None:
    share, misses = await accuracy(analyzer, LABELLED, field)
    assert share >= floor, misses


@pytest.mark.parametrize(("field", "floor"), [("language", 0.95), ("category", 0.60), ("sentiment", 0.85)])
async def test_the_rules_agree_with_labels_they_were_not_made_for(
    analyzer: OfflineAnalyzer, field: str, floor: float
) -> None:
    share, misses = await accuracy(analyzer, UNSEEN, field)
    assert share >= floor, misses


@pytest.mark.parametrize("sentiment", ["NEGATIVE", "POSITIVE"])
async def test_feelings_are_found_although_most_chats_are_neutral(analyzer: OfflineAnalyzer, sentiment: str) -> None:
    share, misses = await accuracy(analyzer, [case for case in LABELLED if case["sentiment"] == sentiment], "sentiment")
    assert share >= 0.70, misses


@pytest.mark.parametrize("cue", ["escalated", "forwarded_hr"])
async def test_cues_are_found_although_few_chats_have_them(analyzer: OfflineAnalyzer, cue: str) -> None:
    share, misses = await accuracy(analyzer, [case for case in LABELLED if case[cue]], cue)
    assert share >= 0.80, misses


def test_every_category_is_labelled_in_every_language_the_examples_are_thick_in() -> None:
    seen = {(case["category"], case["language"]) for case in LABELLED}
    assert {(category, language) for category in CATEGORIES for language in ("nl", "de", "en")} <= seen


def test_no_labelled_line_is_an_example_the_rules_were_given() -> None:
    examples = {
        tuple(words(fold(example)))
        for languages in load("categories").values()
        for entry in languages.values()
        for example in entry["examples"]
    }
    lines = {tuple(words(fold(content))) for case in LABELLED for role, content in case["turns"] if role == "User"}
    assert not lines & examples

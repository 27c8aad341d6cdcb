"""The offline rules agree with labels written by hand; ``tests.eval`` describes the limits of these figures."""

from __future__ import annotations

import asyncio

import pytest

from livedash_core.analysis.offline import OfflineAnalyzer
from livedash_core.analysis.offline.text import fold, words
from livedash_core.analysis.offline.wordlists import load
from livedash_core.enums import CATEGORIES
from tests.eval.cases import FLOORS, Analysed, agreement, analyse, load_cases

CASES = load_cases()


@pytest.fixture(scope="module")
def analysed(analyzer: OfflineAnalyzer) -> list[Analysed]:
    return asyncio.run(analyse(analyzer, CASES))


def misses(analysed: list[Analysed], field: str) -> list[str]:
    """For the test's report."""
    return [f"{one.case.name}: {getattr(one.analysis, field)}" for one in analysed if not one.agrees(field)]


@pytest.mark.parametrize(("field", "floor"), FLOORS.items())
def test_the_rules_agree_with_the_labels(analysed: list[Analysed], field: str, floor: float) -> None:
    assert agreement(analysed, field) >= floor, misses(analysed, field)


@pytest.mark.parametrize(("field", "floor"), [("language", 0.95), ("category", 0.60), ("sentiment", 0.85)])
def test_the_rules_agree_with_held_out_labels(analysed: list[Analysed], field: str, floor: float) -> None:
    unseen = [one for one in analysed if one.case.set >= 3]
    assert agreement(unseen, field) >= floor, misses(unseen, field)


@pytest.mark.parametrize(("field", "floor"), [("language", 0.85), ("category", 0.60), ("sentiment", 0.70)])
def test_the_rules_withstand_adversarial_conversations(analysed: list[Analysed], field: str, floor: float) -> None:
    adversarial = [one for one in analysed if one.case.adversarial]
    assert agreement(adversarial, field) >= floor, misses(adversarial, field)


@pytest.mark.parametrize("sentiment", ["NEGATIVE", "POSITIVE"])
def test_non_neutral_sentiments_are_found(analysed: list[Analysed], sentiment: str) -> None:
    felt = [one for one in analysed if one.case.labels["sentiment"] == sentiment]
    assert agreement(felt, "sentiment") >= 0.70, misses(felt, "sentiment")


@pytest.mark.parametrize("cue", ["escalated", "forwarded_hr"])
def test_rare_cues_are_found(analysed: list[Analysed], cue: str) -> None:
    cued = [one for one in analysed if one.case.labels[cue]]
    assert agreement(cued, cue) >= 0.80, misses(cued, cue)


def test_every_category_is_labelled_in_each_main_language() -> None:
    seen = {(case.labels["category"], case.labels["language"]) for case in CASES}
    assert {(category, language) for category in CATEGORIES for language in ("nl", "de", "en")} <= seen


def test_adversarial_conversations_exist_in_each_main_language() -> None:
    assert {"nl", "de", "en"} <= {case.labels["language"] for case in CASES if case.adversarial}


def test_no_labelled_line_is_an_example_of_the_rules() -> None:
    examples = {
        tuple(words(fold(example)))
        for languages in load("categories").values()
        for entry in languages.values()
        for example in entry["examples"]
    }
    lines = {tuple(words(fold(turn.content))) for case in CASES for turn in case.turns if turn.role == "User"}
    assert not lines & examples

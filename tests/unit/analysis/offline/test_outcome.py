"""How the offline rules tell the ending of a session, and how far they agree with labels written by hand."""

from __future__ import annotations

import pytest

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.offline import OfflineAnalyzer
from livedash_core.analysis.offline.cues import CueRule
from livedash_core.analysis.offline.outcome import OutcomeRule
from livedash_core.enums import SESSION_OUTCOMES, Missing, SessionOutcome
from tests.eval.outcomes import (
    HELD_OUT_FLOOR,
    OUTCOME_FLOOR,
    RESOLVED_PRECISION_FLOOR,
    Judged,
    judge,
    macro_f1,
    precision,
)


@pytest.fixture(scope="module")
def judged() -> list[Judged]:
    return judge(OfflineAnalyzer())


@pytest.fixture(scope="module")
def rule() -> OutcomeRule:
    return OutcomeRule(CueRule())


def wrong(judged: list[Judged]) -> list[Judged]:
    """For the test's report."""
    return [one for one in judged if one.label != one.said]


def test_the_outcome_agrees_with_the_labels_and_is_better_than_the_proxy(judged: list[Judged]) -> None:
    assert len(judged) >= 150
    said = macro_f1(judged, lambda one: one.said)
    assert said >= OUTCOME_FLOOR, wrong(judged)
    assert said > macro_f1(judged, lambda one: one.proxy) + 0.2


def test_the_outcome_agrees_with_held_out_labels(judged: list[Judged]) -> None:
    unseen = [one for one in judged if one.set == 2]
    assert macro_f1(unseen, lambda one: one.said) >= HELD_OUT_FLOOR, wrong(unseen)


def test_a_session_that_is_called_resolved_is(judged: list[Judged]) -> None:
    assert precision(judged, "RESOLVED") >= RESOLVED_PRECISION_FLOOR, wrong(judged)


def test_every_outcome_is_labelled_in_both_sets(judged: list[Judged]) -> None:
    for number in (1, 2):
        assert {one.label for one in judged if one.set == number} == set(SESSION_OUTCOMES)


U, A, S = "User", "Assistant", "System"


@pytest.mark.parametrize(
    ("turns", "outcome", "missing"),
    [
        ([(U, "Where is the canteen?"), (A, "On the second floor."), (U, "thanks")], "RESOLVED", None),
        ([(U, "Where is the canteen?"), (A, "On the second floor.")], "UNKNOWN", None),
        ([(U, "Where is the canteen?"), (A, "I don't know that."), (U, "thanks")], "UNRESOLVED", "NO_ANSWER"),
        ([(U, "Where is the canteen?"), (A, "Which building are you in?")], "ABANDONED", None),
        ([(U, "Where is it?"), (A, "Upstairs. Is there anything else I can do?")], "UNKNOWN", None),
        ([(U, "Where?"), (A, "Upstairs. Is there anything else?"), (U, "no")], "RESOLVED", None),
        ([(U, "Wo?"), (A, "Oben. Hat Ihnen das geholfen?"), (U, "Nein")], "UNRESOLVED", "NO_ANSWER"),
        ([(U, "Waar?"), (A, "Boven. Heeft dit je geholpen?"), (U, "ja")], "RESOLVED", None),
        ([(U, "Where is it?"), (A, "Upstairs."), (U, "And on Sundays?")], "UNRESOLVED", "NO_ANSWER"),
        ([(U, "Where is the canteen?")], "UNRESOLVED", "NO_ANSWER"),
        ([(U, "Where is it?"), (A, "Upstairs."), (U, "dat klopt niet")], "UNRESOLVED", "WRONG_ANSWER"),
        ([(U, "Wo?"), (A, "Oben."), (U, "Der Aufzug funktioniert nicht")], "UNRESOLVED", "SYSTEM_FAULT"),
        ([(U, "I want to talk to a human"), (A, "Ask me."), (U, "ok")], "UNRESOLVED", "NEEDS_PERSON"),
        ([(U, "I want to talk to a human"), (A, "I am transferring you to an agent now.")], "HANDED_OVER", None),
        ([(A, "Hello, ask me anything."), (U, "thanks")], "RESOLVED", None),
        ([(S, "The chat began."), (U, "hello")], "UNKNOWN", None),
        ([(U, "dank je"), (A, "graag gedaan")], "UNKNOWN", None),
    ],
)
def test_the_last_turns_tell_the_ending(
    rule: OutcomeRule, turns: list[tuple[str, str]], outcome: SessionOutcome, missing: Missing | None
) -> None:
    ending = rule([Turn(role, text) for role, text in turns])  # type: ignore[arg-type]
    assert (ending.outcome, ending.missing) == (outcome, missing)
    assert ending.reason.endswith(".")


def test_a_hostile_text_takes_no_time(rule: OutcomeRule) -> None:
    for piece in ("niet ", "ik kan niet ", "a " * 10, "?!", "klopt "):
        turns = [Turn(role, (piece * 2000)[:2000]) for role in ("User", "Assistant") * 50]  # type: ignore[arg-type]
        assert rule(turns).outcome in SESSION_OUTCOMES

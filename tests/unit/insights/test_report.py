"""Which shares of a report are compared, and what the chatbot could have resolved."""

from __future__ import annotations

from datetime import date

import pytest

from livedash_core.insights.counts import Counts
from livedash_core.insights.opportunity import Opportunity
from livedash_core.insights.periods import Period
from livedash_core.insights.report import Report

PERIOD = Period(date(2026, 3, 1), date(2026, 3, 7))
ALL = {"session": {"": 10}, "analysed": {"true": 10}, "outcome": {"RESOLVED": 10}, "sentiment": {"NEGATIVE": 10}}


def report(before: dict[str, dict[str, int]], now: dict[str, dict[str, int]]) -> Report:
    return Report(PERIOD, Counts(now), Counts(before), ())


@pytest.mark.parametrize("facet", ["session", "outcome", "missing", "escalated", "sentiment"])
def test_a_share_is_compared_if_both_periods_have_sessions(facet: str) -> None:
    assert report(ALL, ALL).figure("x", facet, "").comparable
    assert not report({}, ALL).figure("x", facet, "").comparable
    assert not report(ALL, {}).figure("x", facet, "").comparable


@pytest.mark.parametrize(("facet", "missing"), [("outcome", "outcome"), ("escalated", "analysed")])
def test_a_share_is_not_compared_if_fewer_sessions_were_analysed_for_it_before(facet: str, missing: str) -> None:
    before = {name: values for name, values in ALL.items() if name != missing}
    assert not report(before, ALL).figure("x", facet, "").comparable


def test_the_opportunity_is_what_ended_unresolved_or_was_handed_over() -> None:
    found = Opportunity(sessions=8, unresolved=1, handed_over=3, opportunity_before=0)
    assert (found.opportunity, found.share) == (4, 0.5)
    assert Opportunity(sessions=0, unresolved=0, handed_over=0, opportunity_before=2).share == 0

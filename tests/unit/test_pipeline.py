"""Where stages of one's own stand, however they were found."""

from __future__ import annotations

from itertools import permutations

import pytest

from livedash_core.errors import ConfigurationError
from livedash_core.pipeline import BUILT_IN, StageDefinition

BEFORE, AFTER = BUILT_IN.names[:3], BUILT_IN.names[3:]


def stage(name: str, after: str | None) -> StageDefinition:
    return StageDefinition(name, f"somewhere:{name.title()}", f"livedash_{name.lower()}", after=after)


def test_their_order_does_not_depend_on_who_was_found_first() -> None:
    added = [stage("MASKING", "SESSION_CREATION"), stage("TRANSLATION", "SESSION_CREATION"), stage("B", "TRANSLATION")]

    for found in permutations(added):
        assert list(BUILT_IN.with_stages(found).names) == [*BEFORE, "MASKING", "TRANSLATION", "B", *AFTER]


@pytest.mark.parametrize(
    ("added", "complaint"),
    [
        ([stage("TRANSLATION", "NOWHERE")], "the stage TRANSLATION comes after NOWHERE, which does not exist"),
        ([stage("TRANSLATION", None)], "the stage TRANSLATION comes after None"),
        ([stage("A", "B"), stage("B", "A")], "comes after"),
        ([stage("AI_ANALYSIS", "CSV_IMPORT")], "two stages are called AI_ANALYSIS"),
        ([stage("TWICE", "CSV_IMPORT"), stage("TWICE", "CSV_IMPORT")], "two stages are called TWICE"),
    ],
)
def test_a_stage_without_a_place_or_a_name_of_its_own_is_refused(added: list[StageDefinition], complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        BUILT_IN.with_stages(added)

"""Where added stages stand in the pipeline, and which definitions are refused."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint
from itertools import permutations

import pytest

from livedash_core import pipeline
from livedash_core.errors import ConfigurationError
from livedash_core.pipeline import BUILT_IN, StageDefinition, load_pipeline

BEFORE, AFTER = BUILT_IN.names[:3], BUILT_IN.names[3:]


def stage(name: str, after: str | None) -> StageDefinition:
    return StageDefinition(name, f"somewhere:{name.title()}", f"livedash_{name.lower()}", after=after)


def test_the_order_does_not_depend_on_the_order_of_the_entry_points() -> None:
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
        (
            [replace(stage("NEW", "CSV_IMPORT"), asset="livedash_imports")],
            "two stages publish the Asset livedash_imports",
        ),
    ],
)
def test_an_added_stage_needs_a_place_and_a_name_and_asset_of_its_own(
    added: list[StageDefinition], complaint: str
) -> None:
    with pytest.raises(ConfigurationError, match=complaint):
        BUILT_IN.with_stages(added)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ("no_such_package:STAGE", r"the stage broken \(no_such_package:STAGE\) cannot be loaded: No module named"),
        ("livedash_core.pipeline:BUILT_IN", "is not a livedash_core.StageDefinition"),
    ],
)
def test_an_entry_point_that_loads_no_definition_is_named(
    value: str, complaint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = EntryPoint("broken", value, "livedash.stages")
    monkeypatch.setattr(pipeline, "installed", lambda group: [broken])

    with pytest.raises(ConfigurationError, match=complaint):
        load_pipeline.__wrapped__()


def test_a_stage_without_a_dag_function_has_no_dag() -> None:
    extended = BUILT_IN.with_stages(
        [stage("PYTHON_ONLY", "CSV_IMPORT"), replace(stage("TRANSLATION", "CSV_IMPORT"), dag="somewhere:dag")]
    )

    assert len(BUILT_IN.dag_ids) == len(BUILT_IN.stages)
    assert extended.dag_ids == (BUILT_IN.dag_ids[0], "livedash_translation", *BUILT_IN.dag_ids[1:])

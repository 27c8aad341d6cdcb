"""The case that the old system's own migration reported: 109 sessions, 16 analysed, 11 with questions."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from livedash_core.operations.doctor import examine
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import read_breakdown
from tests.integration.livedash_node_migration.conftest import Migrate, NewNode
from tests.integration.livedash_node_migration.livedash_node import reference_case
from tests.integration.records import Records

EXPECTED = {
    "CSV_IMPORT": {"COMPLETED": 109},
    "TRANSCRIPT_FETCH": {"COMPLETED": 109},
    "SESSION_CREATION": {"COMPLETED": 109},
    "AI_ANALYSIS": {"COMPLETED": 16, "PENDING": 93},
    "QUESTION_EXTRACTION": {"COMPLETED": 11, "PENDING": 98},
}


@pytest.mark.parametrize("refactored", [False, True])
def test_every_stage_has_the_status_it_had(
    new_node: NewNode, migrate: Migrate, engine: Engine, records: Records, refactored: bool
) -> None:
    node = new_node(refactored=refactored)
    reference_case(node)

    report = migrate(node)

    assert report.is_sound
    assert report.stages == EXPECTED
    with engine.connect() as connection:
        breakdown = read_breakdown(connection, BUILT_IN)
        assert examine(connection, BUILT_IN) == []
    assert {stage: {s: n for s, n in counts.items() if n} for stage, counts in breakdown.stages.items()} == EXPECTED
    # Five are analysed and were never asked for their questions; the others wait for their analysis.
    assert (breakdown.ready("AI_ANALYSIS"), breakdown.ready("QUESTION_EXTRACTION")) == (93, 5)
    records.assert_counts_equal_rows()
    copied = {name: table.copied for name, table in report.tables.items() if table.copied}
    assert copied == {
        "Company": 1,
        "SessionImport": 109,
        "Session": 109,
        "Message": 327,
        "Question": 12,
        "SessionQuestion": 22,
        "AIProcessingRequest": 16,
    } | ({"SessionProcessingStatus": 545} if refactored else {})

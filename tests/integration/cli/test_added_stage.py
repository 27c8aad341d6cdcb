"""A sixth stage from a package of somebody else's: found, shown and run, for sessions that were there before it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from livedash_core.pipeline import BUILT_IN
from tests.integration.cli.conftest import CommandLine, Publish

STAGE = """
from livedash_core.pipeline import BUILT_IN
from livedash_core import Completed, Stage, StageDefinition
from livedash_core.stages.csv_import.stage import CsvImport


class Translation(Stage):
    name = "TRANSLATION"

    load = CsvImport.load

    async def handle(self, item):
        return Completed(None)

    def store(self, connection, results):
        raise AssertionError("there is nothing to store")


DEFINITION = StageDefinition("TRANSLATION", Translation, "translations", after="SESSION_CREATION")
"""


@pytest.fixture
def with_translation(livedash: CommandLine, tmp_path: Path) -> CommandLine:
    """The command line where such a package is installed."""
    (tmp_path / "translation.py").write_text(STAGE)
    metadata = tmp_path / "translation-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: translation\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[livedash.stages]\ntranslation = translation:DEFINITION\n")
    return livedash.with_environment({"PYTHONPATH": str(tmp_path)})


def test_a_stage_that_is_installed_later_is_shown_and_done(
    livedash: CommandLine, with_translation: CommandLine, acme: Publish
) -> None:
    acme(3)
    livedash("process")
    order = [*BUILT_IN.names[:3], "TRANSLATION", *BUILT_IN.names[3:]]

    assert list(with_translation.json("status")["stages"]) == order
    report = with_translation.json("process")["stages"]
    assert list(report) == order
    assert (report["TRANSLATION"]["completed"], report["AI_ANALYSIS"]["claimed"]) == (3, 0)
    assert with_translation.json("status")["stages"]["TRANSLATION"]["COMPLETED"] == 3
    assert "TRANSLATION" in with_translation("status")[0]

"""A sixth stage from an installed package on the command line: shown and run, for sessions from before it too."""

from __future__ import annotations

from pathlib import Path

import pytest

from livedash_core.pipeline import BUILT_IN
from tests.extension.installation import install
from tests.integration.cli.conftest import CommandLine, Publish


@pytest.fixture
def with_word_count(livedash: CommandLine, tmp_path: Path) -> CommandLine:
    """The command line where the package of tests/extension is installed."""
    return livedash.with_environment({"PYTHONPATH": str(install(tmp_path))})


def test_a_stage_that_is_installed_later_is_shown_and_run(
    livedash: CommandLine, with_word_count: CommandLine, acme: Publish
) -> None:
    acme(3)
    livedash("process")
    order = [*BUILT_IN.names[:3], "WORD_COUNT", *BUILT_IN.names[3:]]

    assert list(with_word_count.json("status")["stages"]) == order
    report = with_word_count.json("process")["stages"]
    assert list(report) == order
    assert (report["WORD_COUNT"]["completed"], report["AI_ANALYSIS"]["claimed"]) == (3, 0)
    assert with_word_count.json("status")["stages"]["WORD_COUNT"]["COMPLETED"] == 3
    assert "WORD_COUNT" in with_word_count("status")[0]

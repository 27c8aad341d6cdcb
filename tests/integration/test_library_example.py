"""The example of docs/library.md, executed as it stands there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from livedash_core.pipeline import BUILT_IN
from tests.integration.records import Records

PAGE = (Path(__file__).parents[2] / "docs" / "library.md").read_text(encoding="utf-8")


def test_the_example_runs_every_stage_and_one_of_its_own(
    records: Records, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    records.sessions(records.company("Acme"), 3, completed_stages=3)
    monkeypatch.setenv("LIVEDASH_DATABASE_URL", database_url)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    module = {"__name__": "example"}

    exec(compile(example, "docs/library.md", "exec"), module)  # as a reader would run it

    module["engine"].dispose()
    printed = capsys.readouterr().out.splitlines()
    order = [*BUILT_IN.names[:3], "GREETING", *BUILT_IN.names[3:]]
    assert [line.split(":")[0] for line in printed[:-1]] == order
    assert printed[order.index("GREETING")] == "GREETING: 3 completed, 0 skipped, 0 failed"
    assert printed[-1] == "3 of 3 sessions have passed GREETING"

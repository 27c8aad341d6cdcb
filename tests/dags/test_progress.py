"""A lane's lines of progress."""

from __future__ import annotations

import logging

import pytest

from livedash_core.airflow.progress import Progress
from livedash_core.stages.report import StageReport


def test_progress_is_a_line_every_few_seconds_with_the_rate_since_the_last(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    now = 100.0
    report = StageReport("TRANSCRIPT_FETCH")
    progress = Progress(clock=lambda: now)

    for now, report.completed, report.failed in (
        (101.0, 50, 0),
        (105.0, 1000, 20),
        (109.0, 1500, 30),
        (115.0, 1600, 40),
    ):
        progress(report)

    assert caplog.messages == [
        "1,000 completed, 20 failed, 0 skipped; 204.0 sessions/s",
        "1,600 completed, 40 failed, 0 skipped; 62.0 sessions/s",
    ]

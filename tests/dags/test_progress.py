"""A lane's lines of progress."""

from __future__ import annotations

import logging

import pytest

from livedash_core.airflow.progress import Progress
from livedash_core.stages.report import StageReport


def test_progress_is_a_line_every_few_seconds_with_the_rate_since_the_last(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    clock = iter((100.0, 101.0, 105.0, 109.0, 115.0))
    report = StageReport("TRANSCRIPT_FETCH")
    progress = Progress(clock=clock.__next__)

    for report.completed, report.failed in ((50, 0), (1000, 20), (1500, 30), (1600, 40)):
        progress(report)

    assert caplog.messages == [
        "1,000 completed, 20 failed, 0 skipped; 204.0 sessions/s",
        "1,600 completed, 40 failed, 0 skipped; 62.0 sessions/s",
    ]

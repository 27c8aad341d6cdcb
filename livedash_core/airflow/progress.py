"""Progress lines in the log of a lane."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from livedash_core.stages.report import StageReport

log = logging.getLogger(__name__)

#: The least time between two lines.
PROGRESS_SECONDS = 5.0


class Progress:
    """Logs progress with the rate since the line before. ``clock`` returns seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last, self._settled = clock(), 0

    def __call__(self, report: StageReport) -> None:
        """Log the lane's counts, unless the last line is less than ``PROGRESS_SECONDS`` ago."""
        passed = self._clock() - self._last
        if passed < PROGRESS_SECONDS:
            return
        settled = report.completed + report.failed + report.skipped
        log.info(
            "%s completed, %s failed, %s skipped; %.1f sessions/s",
            f"{report.completed:,}",
            f"{report.failed:,}",
            f"{report.skipped:,}",
            (settled - self._settled) / passed,
        )
        self._last, self._settled = self._last + passed, settled

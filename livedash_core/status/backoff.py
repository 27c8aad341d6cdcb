"""How long a failed attempt waits before the next one."""

from __future__ import annotations

FIRST_SECONDS = 15.0
LONGEST_SECONDS = 3600.0


def delays(max_attempts: int) -> list[float]:
    """Seconds to wait after attempt 1, 2, … ``max_attempts``: 15 + 2^n, at most an hour.

    Oban's curve (15 + 2^n seconds); up to a tenth is added in the statement, only upwards, so that a crowd does
    not come back as one.
    """
    return [min(FIRST_SECONDS + 2.0 ** min(attempt, 20), LONGEST_SECONDS) for attempt in range(1, max_attempts + 1)]

"""The backoff between the attempts of a session. Pure."""

from __future__ import annotations

FIRST_SECONDS = 15.0
LONGEST_SECONDS = 3600.0


def delays(max_attempts: int) -> list[float]:
    """Return the seconds to wait after attempt 1, 2, … ``max_attempts``: 15 + 2^n, at most one hour.

    This is Oban's curve. The statement adds a jitter of up to a tenth, so that sessions that failed together are not
    retried together.
    """
    return [min(FIRST_SECONDS + 2.0 ** min(attempt, 20), LONGEST_SECONDS) for attempt in range(1, max_attempts + 1)]

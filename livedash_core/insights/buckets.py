"""Durations in buckets: counts per day hold the bucket of each session, and quantiles are estimated from them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

#: Lower bounds in seconds. A bucket's number is that of PostgreSQL's ``width_bucket``, from 1 on.
DURATION_BOUNDS = (0, 15, 30, 60, 90, 120, 180, 240, 300, 420, 600, 900, 1200, 1800, 2700, 3600, 7200)
RESPONSE_BOUNDS = (0, 0.5, 1, 1.5, 2, 3, 4, 5, 7, 10, 15, 20, 30, 45, 60, 120)


def quantile(counts: Mapping[str, int], bounds: tuple[float, ...], share: float) -> float | None:
    """Estimate the value in seconds below which ``share`` of the sessions are; None without sessions.

    ``counts`` is the number of a bucket → sessions. Within a bucket the values count as evenly spread; the last bucket
    has no upper bound, so its lower one is returned.
    """
    numbers = {int(bucket): sessions for bucket, sessions in counts.items() if sessions > 0}
    wanted = share * sum(numbers.values())
    passed = 0
    for bucket in sorted(numbers):
        if passed + numbers[bucket] >= wanted:
            lower = bounds[bucket - 1]
            upper = bounds[bucket] if bucket < len(bounds) else lower
            return lower + (upper - lower) * (wanted - passed) / numbers[bucket]
        passed += numbers[bucket]
    return None

"""What a chat completions server's headers say of its limits; any of them may be missing, or nonsense.

The names are OpenAI's (its rate limits guide); a reset is a duration as Go writes it: ``1s``, ``6m0s``, ``20ms``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from livedash_core.costs.ledger import RateLimitUpdate

_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|h|m|s))+", re.ASCII)
_PART = re.compile(r"([\d.]+)(ms|h|m|s)")
_SECONDS = {"h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
#: No server keeps anybody away for longer than a day.
_LONGEST_SECONDS = 86_400.0


class RateLimitHeaders:
    """Watches what the answers of one model over one connection tell; most tell nothing new."""

    def __init__(self, connection: str, model: str) -> None:
        self._last = RateLimitUpdate(connection, model)

    def answered(self, headers: Mapping[str, str]) -> RateLimitUpdate | None:
        """Limits that are new, a limit that is used up, or the end of a refusal."""
        news = self._read(headers)
        if news == self._last:
            return None
        self._last = replace(news, retry_after_seconds=None)
        return news

    def refused(self, headers: Mapping[str, str], retry_after_seconds: float | None) -> RateLimitUpdate:
        """A refusal: ``retry_after_seconds`` is what it asked for (Retry-After), if it did."""
        read = self._read(headers)
        asked = [seconds for seconds in (retry_after_seconds, read.retry_after_seconds) if seconds is not None]
        self._last = replace(read, retry_after_seconds=max(asked, default=None), refused=True)
        return self._last

    def _read(self, headers: Mapping[str, str]) -> RateLimitUpdate:
        resets = [
            _duration(headers.get(f"x-ratelimit-reset-{what}", ""))
            for what in ("requests", "tokens")
            if headers.get(f"x-ratelimit-remaining-{what}", "").strip() == "0"
        ]
        return RateLimitUpdate(
            self._last.connection,
            self._last.model,
            requests_per_minute=_limit(headers.get("x-ratelimit-limit-requests", "")),
            tokens_per_minute=_limit(headers.get("x-ratelimit-limit-tokens", "")),
            retry_after_seconds=max((reset for reset in resets if reset is not None), default=None),
        )


def _limit(text: str) -> int | None:
    return int(text) or None if re.fullmatch("[0-9]{1,12}", text) else None


def _duration(text: str) -> float | None:
    if not _DURATION.fullmatch(text):
        return None
    return min(sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)), _LONGEST_SECONDS)

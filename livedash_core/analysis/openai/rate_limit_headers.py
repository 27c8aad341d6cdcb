"""Read the rate limits from the headers of a chat completions server; any of them may be missing or invalid.

The names are those of OpenAI's rate limits guide; a reset is a duration in Go's format: ``1s``, ``6m0s``, ``20ms``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from livedash_core.costs import RateLimitUpdate

_DURATION = re.compile(r"(?:\d{1,9}(?:\.\d{1,9})?(?:ms|h|m|s))+", re.ASCII)
_PART = re.compile(r"([\d.]+)(ms|h|m|s)")
_SECONDS = {"h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 0.001}
#: A longer reset is capped at one day.
_MAX_RESET_SECONDS = 86_400.0


class RateLimitHeaders:
    """Reads the headers of one model and connection; most responses report nothing new."""

    def __init__(self, connection: str, model: str) -> None:
        self._last = RateLimitUpdate(connection, model)

    def read_answer(self, headers: Mapping[str, str]) -> RateLimitUpdate | None:
        """An update if a limit is new or used up, or if a refusal has ended; otherwise None."""
        update = self._read(headers)
        if update == self._last:
            return None
        self._last = replace(update, retry_after_seconds=None)
        return update

    def read_refusal(self, headers: Mapping[str, str], retry_after_seconds: float | None) -> RateLimitUpdate:
        """The update of a refusal; ``retry_after_seconds`` is its Retry-After, or None."""
        update = self._read(headers)
        waits = [seconds for seconds in (retry_after_seconds, update.retry_after_seconds) if seconds is not None]
        self._last = replace(update, retry_after_seconds=max(waits, default=None), refused=True)
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
    return min(sum(float(number) * _SECONDS[unit] for number, unit in _PART.findall(text)), _MAX_RESET_SECONDS)

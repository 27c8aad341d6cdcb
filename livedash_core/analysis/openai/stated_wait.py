"""Read how long a server asks to wait, from its headers or from the text of its error; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from livedash_core.clients.responses import MAX_RETRY_AFTER_SECONDS, retry_after_seconds

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0}
_UNITS = {"millisecond": "ms", "sec": "s", "min": "m", "hour": "h", "hr": "h"}
_AMOUNT = r"(\d{1,9}(?:\.\d{1,9})?) ?(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h)(?![a-z])"
#: "Please try again in 7m12.5s", "retry after 6 seconds", "Please wait 34 seconds before retrying".
_SENTENCE = re.compile(
    rf"(?:try(?:ing)? (?:again|later)|retry(?:ing)?|wait|available)\D{{0,20}}?((?:{_AMOUNT}[ ,]*)+)", re.IGNORECASE
)
_PARTS = re.compile(_AMOUNT, re.IGNORECASE)
#: Fields of an error → the seconds that a number in them is: Gemini's retryDelay is "17s", Hugging Face's a number.
_FIELDS = {
    "retrydelay": 1.0,
    "retry_after": 1.0,
    "retry_after_seconds": 1.0,
    "retry_after_ms": 0.001,
    "estimated_time": 1.0,
}
#: The moment at which a limit is lifted, as Unix time in seconds or milliseconds (OpenRouter, in headers or fields).
_RESET = "x-ratelimit-reset"
_FIRST_EPOCH = 1_000_000_000


def wait_in_headers(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds in OpenAI's ``retry-after-ms`` (which the SDK also reads first), in ``Retry-After``, or until a reset."""
    milliseconds = headers.get("retry-after-ms", "")
    if re.fullmatch(r"[0-9]{1,12}", milliseconds):
        return min(int(milliseconds) / 1_000, MAX_RETRY_AFTER_SECONDS)
    value = headers.get("retry-after", "").strip()
    if re.fullmatch(r"[0-9]{1,9}\.[0-9]{1,9}", value):
        return min(float(value), MAX_RETRY_AFTER_SECONDS)
    found = retry_after_seconds(value, now)
    return _until_reset(headers.get(_RESET, ""), now) if found is None else found


def wait_in_fields(fields: Iterable[tuple[str, Any]], now: datetime) -> float | None:
    """The longest wait in the fields of an error; None if there is none."""
    found: list[float | None] = []
    for name, value in fields:
        folded = name.lower()
        if folded == _RESET:
            found.append(_until_reset(str(value), now))
        elif (unit := _FIELDS.get(folded)) is not None and not isinstance(value, bool):
            if isinstance(value, int | float):
                found.append(value * unit)
            elif isinstance(value, str):
                found.append(float(value) * unit if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", value) else _duration(value))
    return max((_bounded(seconds) for seconds in found if seconds is not None and seconds >= 0), default=None)


def wait_in_sentence(text: str) -> float | None:
    """The wait that a sentence asks for; None if it states none."""
    found = _SENTENCE.search(text)
    return None if found is None else _duration(found[1])


def _duration(text: str) -> float | None:
    parts = [(float(number), unit.lower()) for number, unit in _PARTS.findall(text)]
    return _bounded(sum(number * _SECONDS[_unit(unit)] for number, unit in parts)) if parts else None


def _unit(word: str) -> str:
    return next((unit for beginning, unit in _UNITS.items() if word.startswith(beginning)), word)


def _until_reset(text: str, now: datetime) -> float | None:
    if not re.fullmatch(r"[0-9]{10,13}", text.strip()):
        return None
    moment = int(text)
    seconds = moment / 1_000 if moment >= 1_000 * _FIRST_EPOCH else float(moment)
    return _bounded(max(seconds - now.timestamp(), 0.0))


def _bounded(seconds: float) -> float:
    return min(seconds, float(MAX_RETRY_AFTER_SECONDS))

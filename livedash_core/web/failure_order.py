"""The order of the failure groups on a page, and whether a retry can help them. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from typing import Any, NamedTuple

from livedash_core.errors import UsageError
from livedash_core.status.failure_groups import FailureGroup
from livedash_core.status.redaction import ERASED

#: Days of the trend, today included.
TREND_DAYS = 14
#: What has to be corrected comes first; what may pass by itself last.
_FIX_FIRST = {"permanent": 0, "lease_expired": 1, "transient": 2}
#: By these names in an address; the first click on a column sorts as it stands here, "-" reverses it.
_KEYS: dict[str, Callable[[FailureGroup], Any]] = {
    "fix": lambda group: _FIX_FIRST.get(group.error_kind, 0),
    "reason": lambda group: (group.stage, group.error_group),
    "sessions": lambda group: -group.sessions,
    "first": lambda group: group.first_seen_at,
    "last": lambda group: -group.last_seen_at.timestamp(),
    "companies": lambda group: -len(group.company_ids),
}
DEFAULT = "fix"


class Advice(NamedTuple):
    """What a person can do about a group. ``retry`` is "now", "corrected" (only then) or "never"."""

    retry: str
    sentence: str


def in_order(groups: Iterable[FailureGroup], sort: str) -> list[FailureGroup]:
    """Sort groups; equal ones by the number of their sessions. Raises ``UsageError`` for another order."""
    name = sort.removeprefix("-") or DEFAULT
    if name not in _KEYS:
        raise UsageError(f"the failures cannot be sorted by {name[:40]!r}; choose one of {', '.join(_KEYS)}")
    largest = sorted(groups, key=lambda group: (-group.sessions, *group[:3]))
    return sorted(largest, key=_KEYS[name], reverse=sort.startswith("-"))


def advice(group: FailureGroup, *, is_active: bool) -> Advice:
    """Say whether a retry can help. ``is_active``: whether one of the group's companies is processed."""
    if group.error_group == ERASED:
        return Advice("never", "Retrying cannot help: what these sessions contained is erased.")
    if not is_active:
        return Advice("never", "Retrying cannot help: no run processes a company that is not active.")
    if group.error_kind == "permanent":
        return Advice("corrected", "Retrying alone cannot help: it fails in the same way until the cause is corrected.")
    if group.error_kind == "lease_expired":
        return Advice("now", "The workers stopped in the middle. Retry when they have what they lack, such as memory.")
    return Advice("now", "All automatic attempts failed. Retry when the cause has passed.")


def trend(group: FailureGroup, today: date) -> list[int]:
    """The sessions of the group that failed on each of the last ``TREND_DAYS`` days (UTC), today last."""
    days = (today - timedelta(days=ago) for ago in reversed(range(TREND_DAYS)))
    return [group.days.get(day.isoformat(), 0) for day in days]

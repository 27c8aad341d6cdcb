"""Limit the rate of calls per key and model across all processes: a row of ``rate_limit_state`` for each.

The algorithm is the generic cell rate algorithm (GCRA, ITU-T I.371): each call advances a theoretical arrival time by
its share of the limit, and a call may be made when that time is not ahead of the clock by more than a burst. The row is
locked once for all calls that a process opens together, so that a limit costs one statement per commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Connection, func, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from livedash_core.costs.ledger import PlannedCall, RateLimitUpdate
from livedash_core.models import RateLimitState

#: The burst that is allowed after a pause.
_BURST = timedelta(seconds=1)
#: The share of a limit that is used, because a burst and one more call can be added within any minute.
_USED_SHARE = 0.95
_MINUTE = timedelta(minutes=1)


class Limits(NamedTuple):
    """The operator's limits; a lower limit that a server reports takes precedence."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


UNLIMITED = Limits()


@dataclass
class RateLimit:
    """The limits and the theoretical arrival times of one key and model, by the database's clock."""

    requests_per_minute: int | None
    tokens_per_minute: int | None
    requests_until: datetime
    tokens_until: datetime
    blocked_until: datetime

    def reserve(self, tokens: int, now: datetime) -> timedelta:
        """Reserve a call of ``tokens``; returns the delay after which it may be made."""
        start = max(now, self.blocked_until)
        if self.requests_per_minute:
            start = max(start, self.requests_until - _BURST)
        if self.tokens_per_minute:
            start = max(start, self.tokens_until - _BURST)
        if self.requests_per_minute:
            self.requests_until = max(start, self.requests_until) + _MINUTE / (_USED_SHARE * self.requests_per_minute)
        if self.tokens_per_minute:
            self.tokens_until = max(start, self.tokens_until) + tokens * _MINUTE / (
                _USED_SHARE * self.tokens_per_minute
            )
        return start - now


def reserve_calls(connection: Connection, calls: Sequence[PlannedCall], limits: Limits = UNLIMITED) -> list[float]:
    """Return the delay of each of ``calls`` in seconds; a call with the delay 0 may be made now and is reserved.

    A call with another delay is not reserved: the caller tries again after the delay.
    """
    delays = [0.0] * len(calls)
    keys = sorted({(call.connection, call.model) for call in calls if call.connection})
    if not keys:
        return delays
    if limits != UNLIMITED:
        rows = [{"connection": key, "model": model} for key, model in keys]
        connection.execute(insert(RateLimitState).on_conflict_do_nothing(), rows)
    key = tuple_(RateLimitState.connection, RateLimitState.model)
    # Every process locks the rows in the same order, so that two cannot deadlock.
    found = select(RateLimitState.__table__, func.clock_timestamp().label("now")).where(key.in_(keys)).order_by(key)
    for row in connection.execute(found.with_for_update()).all():
        state = RateLimit(
            _tighter(row.requests_per_minute, limits.requests_per_minute),
            _tighter(row.tokens_per_minute, limits.tokens_per_minute),
            row.requests_until,
            row.tokens_until,
            row.blocked_until,
        )
        reserved = (state.requests_until, state.tokens_until)
        for index, call in enumerate(calls):
            if (call.connection, call.model) == (row.connection, row.model):
                delay = state.reserve(call.max_prompt_tokens + call.max_completion_tokens, row.now)
                delays[index] = delay.total_seconds()
                reserved = reserved if delay else (state.requests_until, state.tokens_until)
        columns = dict(zip(("requests_until", "tokens_until"), reserved, strict=True))
        connection.execute(update(RateLimitState).where(key == (row.connection, row.model)).values(columns))
    return delays


def store_rate_limits(connection: Connection, updates: Iterable[RateLimitUpdate]) -> None:
    """Store the limits that servers reported. A refusal blocks the model, longer for each consecutive one."""
    for each in sorted(updates, key=lambda each: (each.connection, each.model)):
        connection.execute(_STORE, asdict(each))


def _tighter(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit), default=None)


# Concurrent calls are refused together, which counts as one refusal. After ten quiet minutes counting starts again.
_STORE = text(
    """
    INSERT INTO livedash.rate_limit_state AS state
        (connection, model, requests_per_minute, tokens_per_minute, blocked_until, refusals)
    VALUES (:connection, :model, :requests_per_minute, :tokens_per_minute,
            now() + make_interval(
                secs => greatest(CAST(:retry_after_seconds AS float8), CASE WHEN :refused THEN 2 ELSE 0 END)),
            CASE WHEN :refused THEN 1 ELSE 0 END)
    ON CONFLICT (connection, model) DO UPDATE SET
        requests_per_minute = coalesce(excluded.requests_per_minute, state.requests_per_minute),
        tokens_per_minute = coalesce(excluded.tokens_per_minute, state.tokens_per_minute),
        refusals = CASE WHEN NOT :refused THEN 0 WHEN state.blocked_until > now() THEN state.refusals
                        WHEN state.blocked_until < now() - interval '10 minutes' THEN 1 ELSE state.refusals + 1 END,
        blocked_until = greatest(
            state.blocked_until, excluded.blocked_until,
            CASE WHEN :refused AND state.blocked_until BETWEEN now() - interval '10 minutes' AND now()
                 THEN now() + make_interval(secs => least(600, 2 ^ least(state.refusals + 1, 16))) END)
    """
)

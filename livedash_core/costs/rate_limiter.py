"""The request rate of a model, shared by all processes with one key: a row of ``rate_limit_state`` per key and model.

The rule is the generic cell rate algorithm (GCRA, ITU-T I.371): each call moves a mark in time onward by what it takes
of the limit, and a call may be made when the mark is not ahead of the clock by more than a burst. One row is locked for
all calls that a process puts on record together, so that a limit costs a statement per commit, not per call.
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

#: What may be asked at once after a pause.
_BURST = timedelta(seconds=1)
#: Of a limit so much is used: within any minute, a burst and a last call come on top.
_SHARE = 0.95
_MINUTE = timedelta(minutes=1)


class Limits(NamedTuple):
    """The operator's own: a limit that a server tells counts where it is tighter."""

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


UNLIMITED = Limits()


@dataclass
class RateLimit:
    """The marks of one key and model, on the database's clock."""

    requests_per_minute: int | None
    tokens_per_minute: int | None
    requests_until: datetime
    tokens_until: datetime
    blocked_until: datetime

    def wait(self, tokens: int, now: datetime) -> timedelta:
        """How long a call of so many tokens has to wait; it counts as made after that."""
        start = max(now, self.blocked_until)
        if self.requests_per_minute:
            start = max(start, self.requests_until - _BURST)
        if self.tokens_per_minute:
            start = max(start, self.tokens_until - _BURST)
        if self.requests_per_minute:
            self.requests_until = max(start, self.requests_until) + _MINUTE / (_SHARE * self.requests_per_minute)
        if self.tokens_per_minute:
            self.tokens_until = max(start, self.tokens_until) + tokens * _MINUTE / (_SHARE * self.tokens_per_minute)
        return start - now


def waits(connection: Connection, calls: Sequence[PlannedCall], limits: Limits = UNLIMITED) -> list[float]:
    """Seconds that each of ``calls`` has to wait for its turn; 0: it may be made now, and counts as made."""
    seconds = [0.0] * len(calls)
    keys = sorted({(call.connection, call.model) for call in calls if call.connection})
    if not keys:
        return seconds
    if limits != UNLIMITED:
        rows = [{"connection": key, "model": model} for key, model in keys]
        connection.execute(insert(RateLimitState).on_conflict_do_nothing(), rows)
    key = tuple_(RateLimitState.connection, RateLimitState.model)
    # Every process locks them in one order.
    found = select(RateLimitState.__table__, func.clock_timestamp().label("now")).where(key.in_(keys)).order_by(key)
    for row in connection.execute(found.with_for_update()).all():
        state = RateLimit(
            _tighter(row.requests_per_minute, limits.requests_per_minute),
            _tighter(row.tokens_per_minute, limits.tokens_per_minute),
            row.requests_until,
            row.tokens_until,
            row.blocked_until,
        )
        made = (state.requests_until, state.tokens_until)
        for index, call in enumerate(calls):
            if (call.connection, call.model) == (row.connection, row.model):
                wait = state.wait(call.max_prompt_tokens + call.max_completion_tokens, row.now)
                seconds[index] = wait.total_seconds()
                made = made if wait else (state.requests_until, state.tokens_until)
        marks = dict(zip(("requests_until", "tokens_until"), made, strict=True))
        connection.execute(update(RateLimitState).where(key == (row.connection, row.model)).values(marks))
    return seconds


def store_rate_limit(connection: Connection, news: Iterable[RateLimitUpdate]) -> None:
    """Take over what servers told of their limits; a refusal blocks the model, longer for each one in a row."""
    for each in sorted(news, key=lambda each: (each.connection, each.model)):
        connection.execute(_NOTE, asdict(each))


def _tighter(*limits: int | None) -> int | None:
    return min((limit for limit in limits if limit), default=None)


# Several calls under way are refused together: that is one refusal. One that came long after the last is the first.
_NOTE = text(
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

"""Adapt the number of concurrent calls to what the server can take; pure.

The algorithm is additive increase, multiplicative decrease (Chiu and Jain, 1989), with the slow start of TCP (Jacobson,
1988) until the first sign of congestion, and with the latency as a sign besides refusals, as in TCP Vegas (Brakmo and
Peterson, 1995). Unlike in TCP, a level that the server refused is not tried again at once: the pause doubles each time,
so that a server with a fixed limit refuses fewer and fewer calls.
"""

from __future__ import annotations

#: A sign of congestion: the mean latency is so many times that of a call that ran alone. A server that answers one
#: call at a time reaches it at this number of concurrent calls, one with room for more never does.
_CONGESTED_LATENCY = 3.0
#: Another one: the mean latency takes this share of the timeout, beyond which calls would be lost.
_CONGESTED_SHARE = 0.4
#: A call that took longer than this, in latencies of a call that ran alone, is no reason to make more at once.
_NO_INCREASE_LATENCY = 1.9
_DECREASE = 0.7
#: The weight of a call in the means.
_WEIGHT = 0.2
#: Answers, as a multiple of the limit, before a refused level is tried again; doubled by each refusal of that level.
_FIRST_PAUSE_ROUNDS = 16
_LAST_PAUSE_ROUNDS = 1024


class AdaptiveLimit:
    """A limit that starts at 1 and is at most ``most``; ``timeout_seconds`` is the longest that a call may take."""

    def __init__(self, most: int, timeout_seconds: float) -> None:
        self._most = max(1, most)
        self.timeout_seconds = timeout_seconds
        self._limit = 1.0
        self._slow_start = True
        #: The highest level that the server has not refused; None while there was no refusal.
        self._ceiling: int | None = None
        self._pause_rounds = _FIRST_PAUSE_ROUNDS
        self._answered_since = 0
        #: Means of the latency in seconds: of all calls, and of those that ran alone.
        self._latency: float | None = None
        self._alone: float | None = None

    @property
    def value(self) -> int:
        """The number of concurrent calls that may be made."""
        return max(1, min(int(self._limit), self._most))

    def answered(self, seconds: float, concurrent: int) -> None:
        """Adapt to an answer: its latency, and how many calls there were when it was sent, itself included."""
        self._latency = _mean(self._latency, seconds)
        if concurrent == 1 or self._alone is None:
            self._alone = _mean(self._alone, seconds)
        self._alone = min(self._alone, self._latency)
        self._answered_since += 1
        if self._is_congested():
            # Once per round, because the calls that are under way were sent with the former limit.
            if self._answered_since > self.value:
                self._decrease()
        elif 2 * concurrent >= self.value and seconds < max(_NO_INCREASE_LATENCY * self._alone, 0.05):
            self._increase(concurrent)

    def refused(self, concurrent: int) -> None:
        """Adapt to a refusal because of load; ``concurrent`` as above."""
        level = max(2, concurrent)
        if self._ceiling is not None:
            if level > self._ceiling >= self.value:
                return  # it was sent before the limit was decreased
            if level > self._ceiling:
                self._pause_rounds = min(2 * self._pause_rounds, _LAST_PAUSE_ROUNDS)
            elif self._answered_since < self.value:
                level = max(2, int(level * _DECREASE))
        self._ceiling = level - 1
        self._limit = float(min(self.value, self._ceiling))
        self._slow_start, self._answered_since = False, 0

    def _increase(self, concurrent: int) -> None:
        if self._ceiling is not None:
            if self.value > self._ceiling and concurrent > self._ceiling:
                self._ceiling = None  # the level that was refused before is taken now
            elif self.value >= self._ceiling:
                if self.value == self._ceiling and self._answered_since >= self._pause_rounds * self.value:
                    self._limit = float(self._ceiling + 1)
                return
        self._limit = min(self._limit + (1.0 if self._slow_start else 1.0 / self._limit), float(self._most))

    def _decrease(self) -> None:
        self._limit = max(1.0, self._limit * _DECREASE)
        self._slow_start, self._answered_since = False, 0

    def _is_congested(self) -> bool:
        if self._latency is None or self._alone is None or self.value == 1:
            return False
        return (
            self._latency > _CONGESTED_LATENCY * self._alone or self._latency > _CONGESTED_SHARE * self.timeout_seconds
        ) and self._latency > 0.1


def _mean(mean: float | None, value: float) -> float:
    return value if mean is None else mean + _WEIGHT * (value - mean)

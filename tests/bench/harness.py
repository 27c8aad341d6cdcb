"""Measuring side by side: what is compared takes turns, and ratios are of the same round."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Literal, TypeVar

Figure = TypeVar("Figure")
#: Does one round's work and returns its figure; what it prepares is not in the figure.
Measure = Callable[[], Figure]


def interleaved(
    rounds: int, candidates: Mapping[str, Measure[Figure]], *, warm_up: bool = True
) -> dict[str, list[Figure]]:
    """One figure per candidate and round: A B, B A, A B, … after a warm-up that does not count.

    The machine may be busy with other things: neighbours in time suffer from them alike.
    """
    for measure in candidates.values() if warm_up else ():
        measure()
    figures: dict[str, list[Figure]] = {name: [] for name in candidates}
    for number in range(rounds):
        names = list(candidates)
        for name in reversed(names) if number % 2 else names:
            figures[name].append(candidates[name]())
    return figures


def seconds(work: Callable[[], object]) -> float:
    """Wall clock of one call."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for the ratio to the yardstick, or for the measured figure itself."""

    of: Literal["ratio", "measured"]
    direction: Literal["≥", "≤"]
    bound: float

    def met_by(self, value: float) -> bool:
        return value >= self.bound if self.direction == "≥" else value <= self.bound


def ratio_at_least(bound: float) -> Goal:
    return Goal("ratio", "≥", bound)


def ratio_at_most(bound: float) -> Goal:
    return Goal("ratio", "≤", bound)


def at_least(bound: float) -> Goal:
    return Goal("measured", "≥", bound)


def at_most(bound: float) -> Goal:
    return Goal("measured", "≤", bound)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table: figures in ``unit``, one per round, and what they are held against.

    ``correct`` is what must hold besides the goal (nothing done twice, counts exact); ``note`` says what was checked.
    ``size`` is that of the database, for a curve.
    """

    work: str
    unit: str
    measured: Sequence[float]
    against: str = ""
    yardstick: Sequence[float] = ()
    goal: Goal | None = None
    correct: bool = True
    note: str = ""
    size: int | None = None

    @property
    def ratio(self) -> float | None:
        """Measured to yardstick: the median of the rounds' own ratios."""
        if not self.yardstick:
            return None
        return median(mine / theirs for mine, theirs in zip(self.measured, self.yardstick, strict=True))

    @property
    def met(self) -> bool | None:
        """Whether the goal is met; None without a goal."""
        if self.goal is None:
            return None
        value = self.ratio if self.goal.of == "ratio" else median(self.measured)
        return value is not None and self.goal.met_by(value) and self.correct

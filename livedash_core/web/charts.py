"""The geometry of stacked bars and column charts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from math import ceil, floor, log10
from typing import NamedTuple

from livedash_core.insights.periods import Period

#: The narrowest segment, so that one failure among a million is visible.
MIN_PERCENT = 1.2
#: The lowest column, so that one session among a million is visible.
_MIN_HEIGHT = 2.0


class Segment(NamedTuple):
    """A part of a bar; ``start`` and ``width`` are percentages of its length."""

    key: str
    start: float
    width: float


def stacked(counts: Mapping[str, int]) -> list[Segment]:
    """Compute the segments of ``counts``, in order, together 100 % wide; zeros have no segment."""
    total = sum(counts.values())
    wide = {key: max(count / total * 100, MIN_PERCENT) for key, count in counts.items() if count}
    scale = 100 / sum(wide.values()) if wide else 0
    segments, start = [], 0.0
    for key, width in wide.items():
        segments.append(Segment(key, round(start, 3), round(width * scale, 3)))
        start += width * scale
    return segments


class Column(NamedTuple):
    """A column of a chart that is 100 wide and high; ``y`` is its upper edge."""

    x: float
    y: float
    width: float
    height: float


def columns(numbers: Sequence[float], highest: float | None = None) -> list[Column]:
    """Compute one column per number, in the middle of its share of the width; each number above zero is visible.

    ``highest`` reaches the top: by default the highest number.
    """
    top = max(numbers, default=0) if highest is None else highest
    step = 100 / max(len(numbers), 1)
    found = []
    for position, number in enumerate(numbers):
        height = max(100 * number / top, _MIN_HEIGHT) if number else 0.0
        x = (position + 0.1) * step
        found.append(Column(round(x, 3), round(100 - height, 3), round(step * 0.8, 3), round(height, 3)))
    return found


class Tick(NamedTuple):
    """A tick of the vertical axis: its number, and its distance from the top in percent."""

    number: int
    y: float


def ticks(highest: int, steps: int = 4) -> list[Tick]:
    """Compute ticks from 0 to a round number that is not below ``highest``, at most ``steps`` above 0."""
    rough = max(highest, 1) / steps
    magnitude = 10 ** floor(log10(rough)) if rough >= 1 else 1
    step = next(factor * magnitude for factor in (1, 2, 5, 10) if factor * magnitude >= rough)
    number = ceil(max(highest, 1) / step)
    return [Tick(position * step, round(100 - 100 * position / number, 3)) for position in range(number + 1)]


class Bar(NamedTuple):
    """A column of a chart of days, weeks or months: what it counts, its days, and its geometry."""

    label: str
    first: date
    last: date
    sessions: int
    column: Column


class Sparkline(NamedTuple):
    """A column chart of 100 by 100 as one path, in the syntax of SVG: a vertical line of this width per column."""

    path: str
    width: float


def sparkline(numbers: Sequence[int]) -> Sparkline:
    """Draw a column per number, as in ``columns``; zeros have none."""
    top, step = max(numbers, default=0), 100 / max(len(numbers), 1)
    lines = (
        f"M{(position + 0.5) * step:.1f} 100V{100 - max(100 * number / top, _MIN_HEIGHT):.1f}"
        for position, number in enumerate(numbers)
        if number
    )
    return Sparkline("".join(lines), round(0.8 * step, 2))


def bars(sessions: Mapping[Period, int]) -> list[Bar]:
    """Compute a bar per step of a period, in the order of ``sessions``."""
    top = ticks(max(sessions.values(), default=0))[-1].number
    drawn = columns(list(sessions.values()), top)
    return [
        Bar(" to ".join(map(str, dict.fromkeys(step))), step.first, step.last, number, column)
        for (step, number), column in zip(sessions.items(), drawn, strict=True)
    ]

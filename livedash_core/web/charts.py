"""The geometry of stacked bars and column charts. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

#: The narrowest segment, so that one failure among a million is visible.
MIN_PERCENT = 1.2


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


def columns(numbers: Sequence[float]) -> list[Column]:
    """Compute one column per number: the highest reaches the top, and each number above zero is visible."""
    highest = max(numbers, default=0)
    step = 100 / max(len(numbers), 1)
    found = []
    for position, number in enumerate(numbers):
        height = max(100 * number / highest, 2.0) if number else 0.0
        found.append(Column(round(position * step, 3), round(100 - height, 3), round(step * 0.8, 3), round(height, 3)))
    return found

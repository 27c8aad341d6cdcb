"""Numbers as a stacked bar. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

#: So that one failure among a million is still seen.
MIN_PERCENT = 1.2


class Segment(NamedTuple):
    """A part of a bar; ``start`` and ``width`` are percentages of its length."""

    key: str
    start: float
    width: float


def stacked(counts: Mapping[str, int]) -> list[Segment]:
    """The segments of ``counts``, in order, together 100 % wide; zeros have none, and nothing else disappears."""
    total = sum(counts.values())
    wide = {key: max(count / total * 100, MIN_PERCENT) for key, count in counts.items() if count}
    scale = 100 / sum(wide.values()) if wide else 0
    segments, start = [], 0.0
    for key, width in wide.items():
        segments.append(Segment(key, round(start, 3), round(width * scale, 3)))
        start += width * scale
    return segments

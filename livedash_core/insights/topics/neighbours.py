"""Finds the nearest neighbours of vectors exactly, block by block.

100,000 vectors take two minutes on two cores and 250 MB. Beyond that an approximate index serves better; docs/topics.md
says which.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from livedash_core.insights.topics.encoder import Vectors

#: Pairs with a smaller cosine are the same question too seldom to be worth a call or a person's look.
MIN_SIMILARITY = 0.55
#: Candidates per question.
NEIGHBOURS = 4
_ROWS, _COLUMNS = 2048, 4096


class Neighbour(NamedTuple):
    """Two rows of the vectors, and the cosine between them after the mean is subtracted."""

    row: int
    other: int
    similarity: float


def centre(vectors: Vectors) -> NDArray[np.float32]:
    """The mean of the vectors at unit length, which all questions of a company have in common."""
    import numpy as np

    total = np.zeros(vectors.shape[1], dtype=np.float64)
    for start in range(0, len(vectors), _COLUMNS):
        total += _unit(vectors[start : start + _COLUMNS]).sum(axis=0)
    return (total / max(len(vectors), 1)).astype(np.float32)


def neighbours(vectors: Vectors, rows: NDArray[np.int64], mean: NDArray[np.float32]) -> Iterator[list[Neighbour]]:
    """Yield, for each of ``rows`` in order, its nearest neighbours among all vectors, the nearest first.

    At most ``NEIGHBOURS`` each, of at least ``MIN_SIMILARITY``; a row is not its own neighbour. Equal similarities are
    ordered by row, so that the result does not depend on the blocks.
    """
    for start in range(0, len(rows), _ROWS):
        mine = rows[start : start + _ROWS]
        block = _centred(vectors[mine], mean)
        found: list[list[tuple[float, int]]] = [[] for _ in mine]
        for first in range(0, len(vectors), _COLUMNS):
            cosines = block @ _centred(vectors[first : first + _COLUMNS], mean).T
            _collect(cosines, first, found)
        for row, candidates in zip(mine.tolist(), found, strict=True):
            best = sorted((-similarity, other) for similarity, other in candidates if other != row)[:NEIGHBOURS]
            yield [Neighbour(row, other, -negated) for negated, other in best]


def _collect(cosines: NDArray[np.float32], first: int, found: list[list[tuple[float, int]]]) -> None:
    """Add the best candidates of a block to ``found``: one more than wanted, because one may be the row itself."""
    import numpy as np

    hits = cosines >= MIN_SIMILARITY
    for index in np.flatnonzero(hits.any(axis=1)).tolist():
        columns = np.flatnonzero(hits[index])
        values = cosines[index, columns]
        if len(columns) > NEIGHBOURS + 1:
            # A stable sort: of many equal questions the first ones are taken.
            best = np.argsort(-values, kind="stable")[: NEIGHBOURS + 1]
            columns, values = columns[best], values[best]
        found[index] += zip(values.tolist(), (columns + first).tolist(), strict=True)


def similarity(first: Any, second: Any, mean: Any) -> float:
    """The cosine of two stored vectors after the mean is subtracted."""
    return float((_centred(first[None], mean) @ _centred(second[None], mean).T)[0, 0])


def _unit(vectors: Any) -> Any:
    import numpy as np

    floats = vectors.astype(np.float32)
    return floats / np.maximum(np.linalg.norm(floats, axis=1, keepdims=True), 1e-9)


def _centred(vectors: Any, mean: Any) -> Any:
    import numpy as np

    moved = _unit(vectors) - mean
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)

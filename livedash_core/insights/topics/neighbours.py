"""Finds the nearest neighbours of vectors exactly, block by block.

20,000 vectors took 4 s of processor time; the time grows with the square of their number. Beyond
100,000 an approximate index serves better; docs/topics.md says which.
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
#: Rows of a block, and of what is yielded together.
BLOCK = 2048
#: Cosines are compared with this precision: those of equal vectors differ in the last places.
_STEPS = 1_000_000
#: With more hits in a row of a block than this, its best ones are selected before they are merged.
_MANY = 64
_SLICE = 256


class Neighbour(NamedTuple):
    """A row of the vectors, and its cosine with another row after the mean is subtracted."""

    row: int
    similarity: float


class _Best:
    """The best neighbours of rows so far, nearest first. A key is a cosine in steps and, if these are equal, a row."""

    def __init__(self, rows: int) -> None:
        import numpy as np

        self.keys = np.full((rows, NEIGHBOURS), -1, dtype=np.int64)

    def add(self, first: int, cosines: Any, others: Any, *, turned: bool = False) -> None:
        """Merge the cosines between the rows from ``first`` on and ``others``; ``turned``: these rows are the columns.

        ``cosines`` is in C order: looking for hits in a transposed array, or in two dimensions, takes ten times as
        long.
        """
        import numpy as np

        worst = self.keys[first : first + cosines.shape[1 if turned else 0], -1]
        floors = np.maximum((worst >> 32) / _STEPS - 1 / _STEPS, MIN_SIMILARITY).astype(np.float32)
        hits = cosines >= (floors if turned else floors[:, None])
        by_row, hits_by_row = (cosines.T, hits.T) if turned else (cosines, hits)
        many = np.flatnonzero(np.count_nonzero(hits_by_row, axis=1) > _MANY)
        for start in range(0, len(many), _SLICE):
            rows = many[start : start + _SLICE]
            keys = np.partition(_keys(by_row[rows], others), -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]
            self._merge(np.repeat(first + rows, NEIGHBOURS), keys.ravel())
        hits_by_row[many] = False
        places = np.flatnonzero(hits)
        rows, columns = np.divmod(places, hits.shape[1])
        if turned:
            rows, columns = columns, rows
        self._merge(first + rows, _keys(cosines.ravel()[places], others[columns]))

    def _merge(self, rows: Any, keys: Any) -> None:
        import numpy as np

        touched = np.unique(rows)
        rows = np.concatenate([rows, np.repeat(touched, NEIGHBOURS)])
        keys = np.concatenate([keys, self.keys[touched].ravel()])
        order = np.lexsort((-keys, rows))
        rows, keys = rows[order], keys[order]
        rank = np.arange(len(rows)) - np.searchsorted(rows, rows)
        best = rank < NEIGHBOURS
        self.keys[rows[best], rank[best]] = keys[best]

    def of(self, index: int) -> list[Neighbour]:
        """The neighbours of a row, the nearest first."""
        return [Neighbour(_row(key), (key >> 32) / _STEPS) for key in self.keys[index].tolist() if key >= 0]


def _keys(cosines: Any, rows: Any) -> Any:
    """A larger cosine has a larger key, and of equal ones the smaller row."""
    import numpy as np

    return (np.rint(cosines * np.float32(_STEPS)).astype(np.int64) << 32) + (2**32 - 1 - rows)


def _row(key: int) -> int:
    return 2**32 - 1 - (key & (2**32 - 1))


def centre(vectors: Vectors) -> NDArray[np.float32]:
    """The mean of the vectors at unit length, which all questions of a company have in common."""
    import numpy as np

    total = np.zeros(vectors.shape[1], dtype=np.float64)
    for start in range(0, len(vectors), BLOCK):
        total += _unit(vectors[start : start + BLOCK]).sum(axis=0)
    return (total / max(len(vectors), 1)).astype(np.float32)


def neighbours(
    vectors: Vectors, rows: NDArray[np.int64], mean: NDArray[np.float32]
) -> Iterator[list[tuple[int, list[Neighbour]]]]:
    """Yield each block of ``rows`` in order: its rows, each with its nearest neighbours among all vectors.

    At most ``NEIGHBOURS`` each, of at least ``MIN_SIMILARITY``, the nearest first; a row is not its own neighbour. Two
    blocks of ``rows`` are multiplied once, for both.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # the package carries no types

    others = np.setdiff1d(np.arange(len(vectors)), rows, assume_unique=True)
    best = _Best(len(rows))
    for first in range(0, len(rows), BLOCK):
        mine = rows[first : first + BLOCK]
        # BLAS threads wait for each other in a loop: two of them took 1.7 times the processor time of one.
        with threadpool_limits(1, "blas"):
            block = _centred(vectors[mine], mean)
            for start in range(0, len(others), BLOCK):
                theirs = others[start : start + BLOCK]
                best.add(first, block @ _centred(vectors[theirs], mean).T, theirs)
            for start in range(first, len(rows), BLOCK):
                theirs = rows[start : start + BLOCK]
                cosines = block @ (_centred(vectors[theirs], mean).T if start > first else block.T)
                if start == first:
                    np.fill_diagonal(cosines, -1)
                else:
                    best.add(start, cosines, mine, turned=True)
                best.add(first, cosines, theirs)
        yield [(row, best.of(first + index)) for index, row in enumerate(mine.tolist())]


def _unit(vectors: Any) -> Any:
    import numpy as np

    floats = vectors.astype(np.float32)
    return floats / np.maximum(np.linalg.norm(floats, axis=1, keepdims=True), 1e-9)


def _centred(vectors: Any, mean: Any) -> Any:
    import numpy as np

    moved = _unit(vectors) - mean
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)

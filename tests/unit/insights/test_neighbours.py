"""Nearest neighbours in blocks are those that comparing every pair finds."""

from __future__ import annotations

import pytest

np = pytest.importorskip("numpy")

from livedash_core.insights.topics import neighbours as module  # noqa: E402 - needs the extra
from livedash_core.insights.topics.neighbours import MIN_SIMILARITY, NEIGHBOURS, centre, neighbours  # noqa: E402


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BLOCK", 16)
    monkeypatch.setattr(module, "_MANY", 3)
    monkeypatch.setattr(module, "_SLICE", 5)


def _vectors(number: int, groups: int, noise: float, seed: int = 1) -> np.ndarray:
    random = np.random.default_rng(seed)
    centres = random.normal(size=(groups, 24))
    found = centres[random.integers(groups, size=number)] + noise * random.normal(size=(number, 24))
    return (found / np.abs(found).max(axis=1, keepdims=True) * 127).astype(np.int8)


def _every_pair(vectors: np.ndarray, mean: np.ndarray) -> list[list[tuple[int, float]]]:
    unit = vectors / np.linalg.norm(vectors.astype(float), axis=1, keepdims=True) - mean
    unit /= np.maximum(np.linalg.norm(unit, axis=1, keepdims=True), 1e-9)
    cosines = np.round(unit @ unit.T, 6)
    found = []
    for row, values in enumerate(cosines):
        order = sorted((-value, other) for other, value in enumerate(values) if other != row)
        found.append([(other, -negated) for negated, other in order if -negated >= MIN_SIMILARITY][:NEIGHBOURS])
    return found


def _found(vectors: np.ndarray, rows: np.ndarray, mean: np.ndarray) -> dict[int, list[tuple[int, float]]]:
    return {row: [tuple(near) for near in found] for block in neighbours(vectors, rows, mean) for row, found in block}


def _same(found: list[tuple[int, float]], expected: list[tuple[int, float]]) -> bool:
    # The last place of a cosine depends on the precision of the product.
    return len(found) == len(expected) and all(
        abs(one[1] - other[1]) < 3e-6 for one, other in zip(found, expected, strict=True)
    )


@pytest.mark.parametrize(
    ("number", "groups", "noise"),
    [(1, 1, 0.1), (2, 1, 0.1), (90, 3, 0.5), (90, 60, 0.3), (90, 1, 0.05), (90, 90, 3.0)],
    ids=["one", "two", "large groups", "small groups", "one group", "nothing similar"],
)
@pytest.mark.parametrize("new", ["all", "the last", "every third"])
def test_the_neighbours_are_the_nearest_of_all(number: int, groups: int, noise: float, new: str) -> None:
    vectors = _vectors(number, groups, noise)
    rows = np.arange(number)
    rows = {"all": rows, "the last": rows[-7:], "every third": rows[::3]}[new]
    mean = centre(vectors) * np.float32(0.3)
    expected = _every_pair(vectors, mean)
    found = _found(vectors, rows, mean)
    assert list(found) == rows.tolist()
    assert [row for row in found if not _same(found[row], expected[row])] == []


def test_a_search_that_was_interrupted_finds_the_same() -> None:
    vectors = _vectors(90, 5, 0.4)
    mean = centre(vectors)
    whole = _found(vectors, np.arange(90), mean)
    rest = _found(vectors, np.arange(32, 90), mean)
    assert [row for row in rest if not _same(rest[row], whole[row])] == []
    assert [[other for other, _ in rest[row]] for row in rest] == [[other for other, _ in whole[row]] for row in rest]


def test_of_equal_vectors_the_first_are_the_neighbours() -> None:
    vectors = np.repeat(_vectors(1, 1, 1.0), 70, axis=0)
    found = _found(vectors, np.arange(70), np.zeros(24, dtype=np.float32))
    assert [[other for other, _ in found[row]] for row in (0, 2, 50)] == [[1, 2, 3, 4], [0, 1, 3, 4], [0, 1, 2, 3]]

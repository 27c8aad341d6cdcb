"""What approximate indexes find of the exact nearest neighbours of more vectors than the product compares exactly.

    python -m tests.bench.approximate_neighbours [--vectors 150000] [--index hnswlib] [--index faiss-ivf-32]

It needs the package of each index, none of which is a requirement of the product: hnswlib (compiled when it is
installed), faiss-cpu or usearch. An index whose package is not installed is left out. Each index is built in a process
of its own. docs/topics.md has the results.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

DIMENSIONS, NEIGHBOURS, QUERIES, THREADS = 512, 10, 2000, 2
#: Questions have a subject, ask one thing about it, and are worded in several ways: noise at three levels.
_SUBJECTS, _INTENTS = 300, 20_000
#: The directions of the noise differ in strength, as those of an encoder do. With equal ones each question's neighbours
#: are those of its own intent, far from all others, and any index finds all of them.
_STRENGTHS = np.arange(1, DIMENSIONS + 1, dtype=np.float32) ** -0.5
#: Queries and a number of neighbours → the rows of the nearest vectors of each query.
Search = Callable[[Any, int], Any]


class Measured(NamedTuple):
    """An index: seconds and processor seconds to build it, seconds for the queries, the peak memory of its process."""

    name: str
    recall: float
    build_seconds: float
    build_cpu_seconds: float
    query_cpu_seconds: float
    megabytes: int


def vectors(number: int) -> Any:
    """Unit vectors in clusters of clusters; the same for each call."""
    random = np.random.default_rng(19)

    def noise(rows: int) -> Any:
        return random.standard_normal((rows, DIMENSIONS), dtype=np.float32) * _STRENGTHS

    intents = noise(_SUBJECTS)[random.integers(_SUBJECTS, size=_INTENTS)] + noise(_INTENTS)
    found = noise(number)
    for start in range(0, number, 10_000):
        part = found[start : start + 10_000]
        part += intents[random.integers(_INTENTS, size=len(part))]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return found


def exact(stored: Any) -> Search:
    """Every cosine, with numpy."""

    def search(queries: Any, number: int) -> Any:
        found = []
        for start in range(0, len(queries), 200):
            cosines = queries[start : start + 200] @ stored.T
            found.append(np.argpartition(cosines, -number, axis=1)[:, -number:].copy())
        return np.concatenate(found)

    return search


def hnswlib_index(stored: Any) -> Search:
    """A graph with 16 links per vector."""
    import hnswlib

    index = hnswlib.Index("ip", DIMENSIONS)
    index.init_index(len(stored), M=16, ef_construction=100)
    index.set_num_threads(THREADS)
    index.add_items(stored)
    index.set_ef(200)
    return lambda queries, number: index.knn_query(queries, number)[0]


def usearch_index(stored: Any) -> Search:
    """A graph with 16 links per vector."""
    from usearch.index import Index

    index = Index(ndim=DIMENSIONS, metric="ip", dtype="f32", connectivity=16, expansion_add=100, expansion_search=200)
    index.add(np.arange(len(stored)), stored, threads=THREADS)
    return lambda queries, number: index.search(queries, number, threads=THREADS).keys


def faiss_ivf(stored: Any, searched: int) -> Search:
    """4 · √n cells, some of which are searched."""
    import faiss

    faiss.omp_set_num_threads(THREADS)
    cells = int(4 * len(stored) ** 0.5)
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(DIMENSIONS), DIMENSIONS, cells, faiss.METRIC_INNER_PRODUCT)
    index.cp.niter, index.cp.max_points_per_centroid = 8, 40
    index.train(stored)
    index.add(stored)
    index.nprobe = searched
    return lambda queries, number: index.search(queries, number)[1]


INDEXES: dict[str, tuple[str, Callable[[Any], Search]]] = {
    "exact": ("numpy", exact),
    "faiss-ivf-8": ("faiss", partial(faiss_ivf, searched=8)),
    "faiss-ivf-32": ("faiss", partial(faiss_ivf, searched=32)),
    "hnswlib": ("hnswlib", hnswlib_index),
    "usearch": ("usearch", usearch_index),
}


def measure(name: str, number: int, truth: Any) -> tuple[Measured, Any]:
    """Build an index of ``number`` vectors and search it for the first ``QUERIES`` of them."""
    stored = vectors(number)
    queries = stored[:QUERIES]
    began, cpu = time.monotonic(), time.process_time()
    search = INDEXES[name][1](stored)
    built = time.process_time()
    build_seconds = time.monotonic() - began
    # One more, because a vector's nearest neighbour is itself.
    found = np.asarray(search(queries, NEIGHBOURS + 1), dtype=np.int64)
    searched = time.process_time()
    recall = 1.0
    if truth is not None:
        common = sum(len(np.intersect1d(*pair)) for pair in zip(found, truth, strict=True))
        itself = np.count_nonzero(found == np.arange(len(queries))[:, None])
        recall = (common - itself) / (len(queries) * NEIGHBOURS)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Measured(name, recall, build_seconds, built - cpu, searched - built, peak), found


def main() -> None:
    """Print a row per index, as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--vectors", type=int, default=150_000)
    parser.add_argument("--index", action="append", choices=[name for name in INDEXES if name != "exact"])
    given = parser.parse_args()
    truth = None
    print(f"{given.vectors:,} vectors, {QUERIES:,} queries; builds in s and CPU s, queries in CPU s, MB", flush=True)
    for name in ("exact", *(given.index or [name for name in INDEXES if name != "exact"])):
        if find_spec(INDEXES[name][0]) is None:
            print(f"{name}: not installed", flush=True)
            continue
        with multiprocessing.get_context("spawn").Pool(1) as process:
            row, found = process.apply(measure, (name, given.vectors, truth))
        truth = found if truth is None else truth
        print(
            f"{row.name:12} recall@{NEIGHBOURS} {row.recall:.3f} build {row.build_seconds:.0f} s, CPU "
            f"{row.build_cpu_seconds:.0f} s; queries {row.query_cpu_seconds:.2f} s; {row.megabytes:,} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()

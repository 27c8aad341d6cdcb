"""Coverage-guided fuzzing of the transcript parser: ``make fuzz`` (needs the package ``atheris``).

Arguments are libFuzzer's: ``-max_total_time=60``, a directory of inputs to begin with. Its ``-timeout`` finds what does
not take linear time.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["livedash_core.parsing"]):
    from tests.fuzz.invariants import PIECES, check_transcript


def check(data: bytes) -> None:
    """The first byte tells how the others are read: as pieces, or as text."""
    text = (
        "".join(PIECES[byte % len(PIECES)] for byte in data[1:])
        if data[:1] < b"\x80"
        else data[1:].decode("utf-8", "surrogateescape")
    )
    check_transcript(text, len(data) % 7)


if __name__ == "__main__":
    atheris.Setup(sys.argv, check)
    atheris.Fuzz()

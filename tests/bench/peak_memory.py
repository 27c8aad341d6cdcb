"""How much memory and CPU time a program took, and how long: ``python peak_memory.py FILE COMMAND…``.

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
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures = {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_megabytes": usage.ru_maxrss * 1024 / 1e6,
    }
    with open(file, "w", encoding="utf-8") as out:  # noqa: PTH123 - pathlib would be the largest import here
        json.dump(figures, out)
    return code


if __name__ == "__main__":
    sys.exit(main())

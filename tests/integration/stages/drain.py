"""All stages in a process of its own: ``python -m tests.integration.stages.drain DATABASE_URL``.

Prints what each stage did and the most memory that the process ever held, in MiB, as JSON.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from livedash_core.db import make_engine
from tests.integration.stages.stage_runs import Pipeline


def peak_mib() -> float:
    """The most this program held. Not ``ru_maxrss``: that remembers the process it was started from, pytest itself."""
    (kibibytes,) = re.findall(r"^VmHWM:\s+(\d+) kB$", Path("/proc/self/status").read_text(), re.MULTILINE)
    return int(kibibytes) / 1024


if __name__ == "__main__":
    reports = Pipeline(make_engine(sys.argv[1])).run_all()
    print(
        json.dumps(
            {
                "stages": {name: report.as_dict() for name, report in reports.items()},
                "mib": peak_mib(),
            }
        )
    )

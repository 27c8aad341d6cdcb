"""All stages in a process of its own: ``python -m tests.integration.stages.drain DATABASE_URL``.

Prints what each stage did and the most memory that the process ever held, in MiB, as JSON.
"""

from __future__ import annotations

import json
import resource
import sys

from livedash_core.db import make_engine
from tests.integration.stages.pipeline import Pipeline

if __name__ == "__main__":
    reports = Pipeline(make_engine(sys.argv[1])).run_all()
    print(
        json.dumps(
            {
                "stages": {name: report.as_dict() for name, report in reports.items()},
                # Linux counts in KiB: getrusage(2).
                "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
            }
        )
    )

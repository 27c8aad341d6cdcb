"""An import, the same rows again, the same file again: ``python -m tests.bench.import_twice DATABASE_URL`` prints
seconds as JSON.
"""

from __future__ import annotations

import json
import sys

from sqlalchemy import Engine, text

from livedash_core.db import make_engine
from livedash_core.pipeline import BUILT_IN
from livedash_core.stages.csv_import.stage import CsvImport
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.stage import StageContext


def main() -> None:
    engine = make_engine(sys.argv[1])
    first = Runner(engine, CsvImport(StageContext(engine)), BUILT_IN).run()
    # Or the server would say that nothing is new, and nothing would be fetched.
    forget(engine, "etag = NULL, last_modified = NULL, sha256 = NULL")
    again = Runner(engine, CsvImport(StageContext(engine)), BUILT_IN).run()
    forget(engine, "etag = NULL, last_modified = NULL")
    known = Runner(engine, CsvImport(StageContext(engine)), BUILT_IN).run()
    figures = {
        "imported": first.completed,
        "first": first.seconds,
        "again": again.seconds,
        "changed": again.claimed,
        "known": known.seconds,
        "unchanged": known.unchanged,
    }
    print(json.dumps(figures))
    engine.dispose()


def forget(engine: Engine, what: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE livedash.company_csv SET {what}"))


if __name__ == "__main__":
    main()

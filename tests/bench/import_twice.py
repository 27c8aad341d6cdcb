"""An import and the same again: ``python -m tests.bench.import_twice DATABASE_URL`` prints seconds as JSON."""

from __future__ import annotations

import json
import sys

from sqlalchemy import text

from livedash_core.db import make_engine
from livedash_core.stages.csv_import import CsvImport
from livedash_core.stages.runner import Runner
from livedash_core.stages.stage import Tools
from livedash_core.status import STAGES


def main() -> None:
    engine = make_engine(sys.argv[1])
    first = Runner(engine, CsvImport(Tools(engine)), STAGES).run()
    with engine.begin() as connection:
        # Or the server would say that nothing is new, and nothing would be read.
        connection.execute(text("TRUNCATE livedash.company_csv"))
    again = Runner(engine, CsvImport(Tools(engine)), STAGES).run()
    figures = {"imported": first.completed, "first": first.seconds, "again": again.seconds, "changed": again.claimed}
    print(json.dumps(figures))
    engine.dispose()


if __name__ == "__main__":
    main()

"""An import and a pass over everything it brought in: ``python -m tests.bench.long_run DATABASE_URL``.

Prints as JSON how much memory the process held at most over the first tenth of the pass, and over the rest of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import psutil
from sqlalchemy import Connection, select

from livedash_core.db import make_engine
from livedash_core.models import SessionImport
from livedash_core.pipeline import BUILT_IN
from livedash_core.stages.csv_import.stage import CsvImport
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import Completed, Item, Outcome, Stage, StageContext


class NoOp(Stage):
    """Loads a row and does nothing with it."""

    name = "TRANSCRIPT_FETCH"
    claim_size = 1000

    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> list[Any]:
        rows = select(SessionImport.id.label("session_id"), SessionImport.company_id)
        return list(connection.execute(rows.where(SessionImport.id.in_(session_ids))))

    async def handle(self, item: Item) -> Outcome:
        return Completed(None)

    def store(self, connection: Connection, results: Mapping[UUID, Any]) -> None:
        """There is nothing to store."""


def main() -> None:
    engine = make_engine(sys.argv[1])
    process = psutil.Process()
    imported = Runner(engine, CsvImport(StageContext(engine)), BUILT_IN).run()
    held: dict[bool, int] = {True: 0, False: 0}

    def watch(report: StageReport) -> None:
        early = report.claimed <= imported.completed / 10
        held[early] = max(held[early], process.memory_info().rss)

    passed = Runner(engine, NoOp(StageContext(engine)), BUILT_IN, on_progress=watch).run()
    print(
        json.dumps(
            {
                "imported": imported.completed,
                "import_seconds": imported.seconds,
                "passed": passed.completed,
                "pass_seconds": passed.seconds,
                "first_tenth_megabytes": held[True] / 1e6,
                "rest_megabytes": held[False] / 1e6,
            }
        )
    )
    engine.dispose()


if __name__ == "__main__":
    main()

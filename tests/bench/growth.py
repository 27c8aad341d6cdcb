"""What a session costs as the database grows: the work on new sessions beside ever more that are done.

``python -m tests.bench.growth PICTURE.svg`` draws the figures of the last run (needs matplotlib, which is in no
requirements file: the picture is drawn once).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import Connection, text

from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from livedash_core.status import read_breakdown
from livedash_core.status.breakdown import fold
from tests.bench.database import Database, Server
from tests.bench.harness import Goal, Row, ratio_at_most, seconds
from tests.bench.latency import claim_milliseconds
from tests.bench.worker import drain

STAGE = "TRANSCRIPT_FETCH"
CLAIM_SIZE = 1_000
#: Sessions that are new and due beside those that are done.
NEW = 20_000
READS = 20
#: Sessions per statement, so that one statement's memory and WAL stay small.
CHUNK = 500_000
#: What an import of long ago has left: sessions that are through. No statement of the queue reads their other tables.
DONE = """
INSERT INTO livedash.session_processing_status
    (session_id, company_id, stage, status, attempts, available_at, started_at, completed_at)
SELECT session.id, :company_id, stage, 'COMPLETED', 1, now(), now(), now()
FROM (SELECT uuidv7() AS id FROM generate_series(1, :sessions) OFFSET 0) AS session
CROSS JOIN unnest(CAST(:stages AS text[])) AS stage
"""
COUNTED = """
INSERT INTO livedash.session_processing_delta (company_id, stage, status, sessions)
SELECT :company_id, stage, 'COMPLETED', :sessions FROM unnest(CAST(:stages AS text[])) AS stage
"""


class Measure(NamedTuple):
    """A figure of one round; ``goal`` is for the ratio of the largest size to the smallest."""

    name: str
    unit: str
    figure: Callable[[Database, Connection], float]
    goal: Goal


def growth(server: Server) -> list[Row]:
    """what a claim, a session and the breakdown cost while the database grows"""
    measures = (
        Measure("new session: its five rows", "µs", _new_sessions, ratio_at_most(1.5)),
        Measure("claim of 100", "ms", lambda _database, connection: claim_milliseconds(connection), ratio_at_most(2)),
        Measure("session claimed and completed", "µs", _worked_on, ratio_at_most(1.5)),
        Measure("breakdown", "ms", lambda _database, connection: _breakdown(connection), ratio_at_most(2)),
    )
    figures: dict[str, list[list[float]]] = {measure.name: [] for measure in measures}
    with server.database() as database:
        done = 0
        for size in server.scale.sizes:
            _add_done(database, size - done)
            done = size
            for name in figures:
                figures[name].append([])
            for number in range(server.scale.long_rounds + 1):
                with database.engine.connect() as connection:
                    with connection.begin():
                        fold(connection)  # as each run of a stage does at its end
                    for measure in measures:
                        figure = measure.figure(database, connection)
                        if number:  # the first round warms up
                            figures[measure.name][-1].append(figure)
    return [
        Row(
            f"{measure.name}, beside {size:,} that are done",
            measure.unit,
            found,
            f"beside {server.scale.sizes[0]:,}",
            figures[measure.name][0],
            measure.goal if size == server.scale.sizes[-1] else None,
            size=size,
        )
        for measure in measures
        for size, found in zip(server.scale.sizes, figures[measure.name], strict=True)
    ]


def _add_done(database: Database, sessions: int) -> None:
    parameters = {"company_id": database.company_id, "stages": list(BUILT_IN.names)}
    with database.engine.connect() as connection:
        for first in range(0, sessions, CHUNK):
            with connection.begin():
                for statement in (DONE, COUNTED):
                    connection.execute(text(statement), parameters | {"sessions": min(CHUNK, sessions - first)})
    database.settle()


def _new_sessions(database: Database, _connection: Connection) -> float:
    took = seconds(lambda: database.grow(NEW))
    database.settle()
    return 1e6 * took / NEW


def _worked_on(_database: Database, connection: Connection) -> float:
    counts: list[int] = []
    took = seconds(lambda: counts.append(drain(connection, STAGE, CLAIM_SIZE)))
    return 1e6 * took / counts[0]


def _breakdown(connection: Connection) -> float:
    def read() -> None:
        for _ in range(READS):
            with connection.begin():
                read_breakdown(connection, BUILT_IN)

    return 1e3 * seconds(read) / READS


def draw(benchmarks: dict[str, Any], picture: Path) -> None:
    """Draw the last run's figures, each relative to the smallest database."""
    from matplotlib import pyplot

    pyplot.rcParams.update({"svg.hashsalt": "livedash", "font.size": 9})
    figure, axes = pyplot.subplots(figsize=(7, 3.6), layout="constrained")
    curves: dict[str, list[tuple[int, float]]] = {}
    for row in benchmarks["growth"]:
        curves.setdefault(row["work"].partition(", beside")[0], []).append((row["size"], row["ratio"]))
    for name, points in curves.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set(
        xscale="log", ylim=(0, None), xlabel="sessions that are done", ylabel="cost beside the smallest database, ×"
    )
    axes.grid(visible=True, alpha=0.3)
    axes.legend(frameon=False)
    figure.savefig(picture, metadata={"Date": None})


if __name__ == "__main__":
    draw(json.loads((Settings().home / "bench.json").read_text())["benchmarks"], Path(sys.argv[1]))

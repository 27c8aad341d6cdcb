"""Making many rows, and counting them."""

from __future__ import annotations

from sqlalchemy import Connection, text

from livedash_core.pipeline import BUILT_IN
from livedash_core.status import read_breakdown
from tests.bench.bare import BareQueue
from tests.bench.database import Server, new_ids
from tests.bench.harness import Row, interleaved, ratio_at_least, seconds
from tests.bench.worker import at_work

WRITERS = 8
#: Of one read's figure, so that a pause of the machine does not decide it.
READS = 20

GROUP_BY = "SELECT stage, status, count(*) FROM livedash.session_processing_status GROUP BY stage, status"


def initialize(server: Server) -> list[Row]:
    """status rows for many new sessions"""
    sessions = server.scale.initialized
    ids = new_ids(sessions)
    with server.database() as database, database.bare() as bare:
        queue = BareQueue(bare)

        def through_manager() -> float:
            database.execute("TRUNCATE livedash.session_processing_status, livedash.session_processing_delta")
            return len(BUILT_IN.names) * sessions / seconds(lambda: database.initialize(ids, completed_stages=0))

        def bare_insert() -> float:
            database.execute("TRUNCATE bare.status")
            return len(BUILT_IN.names) * sessions / seconds(lambda: queue.insert(ids, completed_stages=0))

        figures = interleaved(server.scale.long_rounds, {"manager": through_manager, "bare": bare_insert})
    return [
        Row(
            f"initialize {sessions:,} sessions ({len(BUILT_IN.names) * sessions:,} rows)",
            "rows/s",
            figures["manager"],
            "bare INSERT … SELECT",
            figures["bare"],
            ratio_at_least(0.6),
        )
    ]


def breakdown(server: Server) -> list[Row]:
    """how many sessions are where, and whether that is exact while others write"""
    sessions = server.scale.large_backlog
    database = server.backlog(sessions)
    with database.bare() as bare, database.engine.connect() as connection:
        figures = interleaved(
            server.scale.rounds,
            {
                "ledger": lambda: READS / seconds(lambda: _read(connection)),
                "group by": lambda: 1 / seconds(lambda: bare.execute(GROUP_BY).fetchall()),
            },
        )
        unfolded = connection.scalar(text("SELECT count(*) FROM livedash.session_processing_delta"))
    with at_work(database.url, "TRANSCRIPT_FETCH", 100, WRITERS), database.engine.connect() as connection:
        snapshots = connection.execution_options(isolation_level="REPEATABLE READ")
        exact = [_is_exact(snapshots) for _ in range(server.scale.recounts)]
    return [
        Row(
            f"breakdown at {sessions:,} sessions, {unfolded} deltas unfolded",
            "reads/s",
            figures["ledger"],
            "GROUP BY over the table",
            figures["group by"],
            ratio_at_least(200),
            correct=all(exact),
            note=f"equal to a recount {sum(exact)} of {len(exact)} times while {WRITERS} processes worked",
        )
    ]


def _read(connection: Connection) -> None:
    for _ in range(READS):
        with connection.begin():
            read_breakdown(connection, BUILT_IN)


def _is_exact(connection: Connection) -> bool:
    """Both readings are of one snapshot."""
    with connection.begin():
        return read_breakdown(connection, BUILT_IN) == read_breakdown(connection, BUILT_IN, recount=True)

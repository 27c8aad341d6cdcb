"""How many sessions per second can be held and settled."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from unittest.mock import patch
from uuid import UUID

from sqlalchemy import Connection, TextClause, text

from livedash_core.status import ProcessingStatusManager
from livedash_core.status.statements import source
from tests.bench.bare import BareQueue
from tests.bench.database import CHUNK, Database, Server, new_ids
from tests.bench.harness import Measure, Row, interleaved, ratio_at_least, ratio_at_most, seconds
from tests.bench.peers import Pgqueuer, Procrastinate
from tests.bench.worker import Done, Processes, drain

STAGE = "TRANSCRIPT_FETCH"
PASSES = 5


def _through_manager(database: Database, connection: Connection, jobs: int, chunk: int) -> float:
    """Sessions per second that are claimed and completed; making them is not in it."""
    database.grow(jobs)
    return jobs / seconds(lambda: _expect(jobs, drain(connection, STAGE, chunk)))


def _bare(queue: BareQueue, jobs: int, chunk: int) -> float:
    queue.insert(new_ids(jobs))
    return jobs / seconds(lambda: _expect(jobs, queue.drain(2, chunk)))


def _expect(jobs: int, done: int) -> None:
    if done != jobs:
        raise RuntimeError(f"{done} of {jobs} were completed")


@contextmanager
def _side_by_side(server: Server, chunk: int) -> Iterator[dict[str, Measure]]:
    """The manager and the yardstick in one database, their tables equally full."""
    scale = server.scale
    with server.database() as database, database.bare() as bare, database.engine.connect() as connection:
        queue = BareQueue(bare)
        database.grow(scale.settled, completed_stages=5)
        queue.insert(new_ids(scale.settled), completed_stages=5)
        database.settle("bare.status")
        yield {
            "manager": lambda: _through_manager(database, connection, scale.jobs, chunk),
            "bare": lambda: _bare(queue, scale.jobs, chunk),
        }


def chunks_of_1000(server: Server) -> list[Row]:
    """claim + complete, chunks of 1,000, against bare SQL, pgqueuer and procrastinate"""
    scale = server.scale
    with _side_by_side(server, 1_000) as candidates, server.database() as one, server.database() as other:
        pgqueuer, procrastinate = Pgqueuer(one.address), Procrastinate(other.address)
        figures = interleaved(
            scale.rounds,
            {
                **candidates,
                "pgqueuer": lambda: pgqueuer.jobs_per_second(scale.pgqueuer_jobs),
                "procrastinate": lambda: procrastinate.jobs_per_second(scale.procrastinate_jobs),
            },
        )
    work, mine = "claim + complete, chunks of 1,000", figures["manager"]
    return [
        Row(work, "/s", mine, "bare claim and complete", figures["bare"], ratio_at_least(0.6)),
        Row(work, "/s", mine, "pgqueuer, no-op jobs", figures["pgqueuer"], ratio_at_least(3)),
        Row(work, "/s", mine, "procrastinate, no-op jobs", figures["procrastinate"], ratio_at_least(40)),
    ]


def chunks_of_100(server: Server) -> list[Row]:
    """claim + complete, chunks of 100, against bare SQL"""
    with _side_by_side(server, 100) as candidates:
        figures = interleaved(server.scale.rounds, candidates)
    return [
        Row(
            "claim + complete, chunks of 100",
            "/s",
            figures["manager"],
            "bare claim and complete",
            figures["bare"],
            ratio_at_least(0.5),
        )
    ]


def ledger(server: Server) -> list[Row]:
    """what appending count deltas costs claim + complete"""
    rows = []
    for chunk in (1_000, 100):
        with _side_by_side(server, chunk) as candidates:
            manager = candidates["manager"]
            without = patch("livedash_core.status.manager.statement", _without_count_deltas)(manager)
            figures = interleaved(server.scale.rounds, {"with": manager, "without": without})
        rows.append(
            Row(
                f"cost of count deltas on claim + complete, chunks of {chunk:,}",
                "µs per session",
                [1e6 / figure for figure in figures["with"]],
                "the same statements without it",
                [1e6 / figure for figure in figures["without"]],
                ratio_at_most(1.2),
            )
        )
    return rows


@cache
def _without_count_deltas(name: str, **choices: str) -> TextClause:
    """The manager's own statement, its last common table expression cut out."""
    whole = source(name, **choices)
    cut = re.sub(r", count_deltas AS \(\n.*?\n\)(?=\n)", "", whole, flags=re.DOTALL)
    if name in ("claim", "settle") and cut == whole:
        raise RuntimeError(f"{name}.sql has no count deltas to leave out")
    return text(cut)


def two_processes(server: Server) -> list[Row]:
    """two worker processes against one; no session twice"""
    jobs = server.scale.jobs_of_two_processes
    unique = True

    def work(database: Database, number: int) -> float:
        nonlocal unique
        database.grow(jobs)
        database.settle()
        processes = Processes(database.url, STAGE, 1_000, number)
        processes.start()
        done = processes.finish()
        ids = [session_id for part in done for session_id in part.session_ids]
        _expect(jobs, len(ids))
        unique = unique and len(set(ids)) == jobs
        return jobs / _span(done)

    with server.database() as database:
        figures = interleaved(server.scale.rounds, {"two": lambda: work(database, 2), "one": lambda: work(database, 1)})
    return [
        Row(
            "two worker processes, chunks of 1,000",
            "/s",
            figures["two"],
            "one worker process",
            figures["one"],
            ratio_at_least(1.5),
            correct=unique,
            note="no session twice" if unique else "SESSIONS WERE DONE TWICE",
        )
    ]


def _span(done: list[Done]) -> float:
    return max(part.ended for part in done) - min(part.began for part in done)


def passes(server: Server) -> list[Row]:
    """the fifth pass over the same sessions against the first"""
    sessions = server.scale.passed_again
    first, fifth = [], []
    for _ in range(server.scale.long_rounds):
        with server.database() as database, database.engine.connect() as connection:
            ids = new_ids(sessions)
            database.initialize(ids)
            database.settle()
            figures = []
            for number in range(PASSES):
                if number:
                    _reopen(connection, ids)
                figures.append(sessions / seconds(lambda: _expect(sessions, drain(connection, STAGE, 1_000))))
            first.append(figures[0])
            fifth.append(figures[-1])
    return [
        Row(
            f"5th pass over the same {sessions:,} sessions, chunks of 1,000",
            "/s",
            fifth,
            "the 1st pass",
            first,
            ratio_at_least(0.7),
        )
    ]


def _reopen(connection: Connection, ids: list[UUID]) -> None:
    for first in range(0, len(ids), CHUNK):
        with connection.begin():
            ProcessingStatusManager(connection).reopen(STAGE, ids[first : first + CHUNK])

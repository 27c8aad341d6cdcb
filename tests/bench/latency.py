"""How long a claim takes, whatever else is in the table."""

from __future__ import annotations

import time
from functools import partial
from statistics import median
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.status import ProcessingStatusManager
from tests.bench.database import Database, Server
from tests.bench.harness import Row, at_most, interleaved, ratio_at_most
from tests.bench.worker import chunks

STAGE = "TRANSCRIPT_FETCH"
CLAIM_SIZE = 100
#: Claims, or renewals, per round; their median is the round's figure.
TIMES = 20


def claim_milliseconds(connection: Connection) -> float:
    """A claim with its commit. What it took is given back, so that the backlog stays as large as it is."""
    manager = ProcessingStatusManager(connection)
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        with connection.begin():
            claim = manager.claim(STAGE, CLAIM_SIZE)
        found.append(1000 * (time.perf_counter() - began))
        if len(claim.attempts) != CLAIM_SIZE:
            raise RuntimeError(f"{len(claim.attempts)} instead of {CLAIM_SIZE} sessions were claimed")
        with connection.begin():
            manager.release(claim.token)
    return median(found)


def _compare(server: Server, one: Database, other: Database) -> tuple[list[float], list[float]]:
    with one.engine.connect() as here, other.engine.connect() as there:
        figures = interleaved(
            server.scale.rounds,
            {"here": partial(claim_milliseconds, here), "there": partial(claim_milliseconds, there)},
        )
    return figures["here"], figures["there"]


def blocked_head(server: Server) -> list[Row]:
    """a claim while many older sessions wait for an earlier stage"""
    blocked, due = server.scale.blocked, server.scale.small_backlog
    with server.database() as crowded, server.database() as free:
        crowded.grow(blocked, completed_stages=0)
        for database in (crowded, free):
            database.grow(due)
            database.settle()
        measured, yardstick = _compare(server, crowded, free)
    return [
        Row(
            f"claim of {CLAIM_SIZE} with {blocked:,} blocked sessions at the head",
            "ms",
            measured,
            "none blocked",
            yardstick,
            ratio_at_most(1.5),
        )
    ]


def backlog(server: Server) -> list[Row]:
    """a claim from a large backlog against one from a small one"""
    large, small = server.scale.large_backlog, server.scale.small_backlog
    with server.database() as other:
        other.grow(small)
        other.settle()
        measured, yardstick = _compare(server, server.backlog(large), other)
    return [
        Row(
            f"claim of {CLAIM_SIZE} from a backlog of {large:,}",
            "ms",
            measured,
            f"a backlog of {small:,}",
            yardstick,
            ratio_at_most(2),
        )
    ]


def held_snapshot(server: Server) -> list[Row]:
    """a claim after many jobs while another transaction holds a snapshot, against the first claims"""
    jobs, chunk = server.scale.jobs_under_a_snapshot, 500
    at_the_start, after = [], []
    for _ in range(server.scale.long_rounds):
        with server.database() as database:
            database.grow(jobs + 2 * TIMES * chunk)
            database.settle()
            with database.bare(autocommit=False) as holder, database.engine.connect() as connection:
                holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                holder.execute("SELECT 1 FROM livedash.company")
                claims = [1000 * one.claim_seconds for one in chunks(connection, STAGE, chunk)]
            at_the_start.append(median(claims[:TIMES]))
            after.append(median(claims[-TIMES:]))
    return [
        Row(
            f"claim of {chunk} after {jobs:,} jobs under a held snapshot",
            "ms",
            after,
            "at the start",
            at_the_start,
            ratio_at_most(3),
        )
    ]


def renewal(server: Server) -> list[Row]:
    """a lease renewed, however many sessions it holds"""
    rows = []
    for leased in server.scale.leased:
        with server.database() as database, database.engine.connect() as connection:
            database.grow(leased + 1)
            database.settle()
            manager = ProcessingStatusManager(connection)
            with connection.begin():
                one, many = manager.claim(STAGE, 1), manager.claim(STAGE, leased)
            figures = interleaved(
                server.scale.rounds,
                {
                    "many": partial(_renewal_milliseconds, manager, many.token),
                    "one": partial(_renewal_milliseconds, manager, one.token),
                },
            )
        rows.append(
            Row(
                f"a lease of {leased:,} sessions renewed",
                "ms",
                figures["many"],
                "a lease of one",
                figures["one"],
                at_most(2),
                correct=len(many.attempts) == leased,
            )
        )
    return rows


def _renewal_milliseconds(manager: ProcessingStatusManager, token: UUID) -> float:
    """One renewal with its commit."""
    found = []
    for _ in range(TIMES):
        began = time.perf_counter()
        with manager.connection.begin():
            held = manager.renew(token)
        found.append(1000 * (time.perf_counter() - began))
        if not held:
            raise RuntimeError("the lease was lost")
    return median(found)

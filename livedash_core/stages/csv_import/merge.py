"""Merges the staged rows of a CSV chunk by chunk; a row and its status rows are written in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import Connection, Row, text

from livedash_core.db import in_transaction_on
from livedash_core.parsing.text import NULLS
from livedash_core.pipeline import Pipeline
from livedash_core.stages.csv_import import sql
from livedash_core.stages.csv_import.follow import follow_rows
from livedash_core.status import ProcessingStatusManager

#: Lines of the file per chunk; a transaction merges those that its connection has staged.
CHUNK_LINES = 10_000
STAGE = "CSV_IMPORT"


class MergedChunk(NamedTuple):
    """How many sessions are new, how many of these have readable times, and how many stored sessions changed."""

    new: int
    readable: int
    changed: int


def merge_partition(
    connection: Connection, company_id: UUID, pipeline: Pipeline, last_line: int, *, has_new: bool
) -> Iterator[MergedChunk]:
    """Merge what ``connection`` has staged, one chunk and transaction at a time.

    Without ``has_new``, all of its sessions are stored already, and none is looked up in order to be inserted.
    """
    manager = ProcessingStatusManager(connection, pipeline=pipeline)
    with connection.begin():
        if has_new:
            manager.expect_new_sessions()
        connection.execute(text(sql.INDEX_STAGING))
    for first in range(1, last_line + 1, CHUNK_LINES):
        chunk = {"company_id": company_id, "first": first, "end": first + CHUNK_LINES}
        yield in_transaction_on(connection, partial(_merge_chunk, manager=manager, chunk=chunk, has_new=has_new))


def _merge_chunk(
    connection: Connection, manager: ProcessingStatusManager, chunk: Mapping[str, object], *, has_new: bool
) -> MergedChunk:
    sessions, readable, is_all_new = _insert_new(connection, manager, chunk) if has_new else (0, 0, False)
    changed = [] if is_all_new else _update_changed(connection, chunk)
    if reopened := [row.id for row in changed if row.reopens]:
        manager.reopen(STAGE, reopened)
    if followed := [row.id for row in changed if row.follows and not row.reopens]:
        follow_rows(connection, manager, followed)
    return MergedChunk(sessions, readable, len(changed))


def _insert_new(
    connection: Connection, manager: ProcessingStatusManager, chunk: Mapping[str, object]
) -> tuple[int, int, bool]:
    """Insert the new sessions; returns how many, how many have readable times, and whether all rows were new."""
    new = connection.execute(text(sql.INSERT_NEW), chunk).one()
    manager.initialize_new_sessions()
    return new.sessions, new.readable, new.sessions == connection.scalar(text(sql.COUNT_CHUNK), chunk)


def _update_changed(connection: Connection, chunk: Mapping[str, object]) -> Sequence[Row[Any]]:
    connection.execute(text(sql.KEEP_BLANKED_URLS), {**chunk, "nulls": sorted(NULLS)})
    return connection.execute(text(sql.UPDATE_CHANGED), chunk).all()


def merge_in_parallel(
    partitions: Iterable[Iterator[MergedChunk]], count: Callable[[MergedChunk], None], should_stop: Callable[[], bool]
) -> None:
    """Merge the ``partitions``, each in a thread of its own, and ``count`` their chunks, until ``should_stop()``.

    Raises what a partition or ``count`` raises. Every thread has ended then, after its present chunk.
    """
    with ThreadPoolExecutor() as threads:
        running = {threads.submit(next, partition, None): partition for partition in partitions}
        while running:
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                partition = running.pop(future)
                if merged := future.result():
                    count(merged)
                    if not should_stop():
                        running[threads.submit(next, partition, None)] = partition

"""What was staged of a CSV, taken over chunk by chunk: rows and their status rows stand or fall together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from functools import partial
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.db import in_transaction_on
from livedash_core.pipeline import Pipeline
from livedash_core.stages.csv_import import sql
from livedash_core.status import ProcessingStatusManager

#: Of the file; a transaction takes over what its connection has of them.
CHUNK_LINES = 10_000
STAGE = "CSV_IMPORT"


class MergedChunk(NamedTuple):
    """How many sessions are new, how many of these were understood, and how many differ from what was known."""

    new: int
    understood: int
    changed: int


def merge_partition(
    connection: Connection, company_id: UUID, pipeline: Pipeline, last_line: int
) -> Iterator[MergedChunk]:
    """Take over what ``connection`` has staged, a chunk and a transaction each time."""
    manager = ProcessingStatusManager(connection, pipeline=pipeline)
    with connection.begin():
        manager.expect_new_sessions()
        connection.execute(text(sql.LAST_OF_EACH_WINS))
        connection.execute(text(sql.INDEX_STAGING))
    for first in range(1, last_line + 1, CHUNK_LINES):
        chunk = {"company_id": company_id, "first": first, "end": first + CHUNK_LINES}
        yield in_transaction_on(connection, partial(_merge_chunk, manager=manager, chunk=chunk))


def _merge_chunk(connection: Connection, manager: ProcessingStatusManager, chunk: Mapping[str, object]) -> MergedChunk:
    new = connection.execute(text(sql.INSERT_NEW), chunk).one()
    manager.initialize_new_sessions()
    is_all_new = new.sessions == connection.scalar(text(sql.COUNT_CHUNK), chunk)
    changed = [] if is_all_new else connection.execute(text(sql.UPDATE_CHANGED), chunk).all()
    if reopened := [row.id for row in changed if row.reopens]:
        manager.reopen(STAGE, reopened)
    return MergedChunk(new.sessions, new.understood, len(changed))


def merge_in_parallel(
    partitions: Iterable[Iterator[MergedChunk]], take: Callable[[MergedChunk], None], stopping: Callable[[], bool]
) -> None:
    """``take`` what the ``partitions`` merge, each in a thread of its own, until ``stopping()``.

    Raises what a partition or ``take`` raises. No thread is left when it ends: each is through with its chunk.
    """
    with ThreadPoolExecutor() as threads:
        under_way = {threads.submit(next, partition, None): partition for partition in partitions}
        while under_way:
            done, _ = wait(under_way, return_when=FIRST_COMPLETED)
            for future in done:
                partition = under_way.pop(future)
                if merged := future.result():
                    take(merged)
                    if not stopping():
                        under_way[threads.submit(next, partition, None)] = partition

"""Helpers for tests of locks: two connections, and no dependence on time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from typing import TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine, insert, text
from uuid6 import uuid7

from livedash_core.models import SessionImport
from livedash_core.status import ProcessingStatusManager

T = TypeVar("T")
Key = tuple[UUID, str]


@contextmanager
def impatient(engine: Engine) -> Iterator[Connection]:
    """A connection whose statements fail instead of waiting for a lock."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SET lock_timeout = '500ms'"))
        yield connection
        connection.execute(text("RESET lock_timeout"))


def is_blocked(observer: Connection, process: int | None) -> bool:
    """Whether this server process waits for another one's lock."""
    return bool(observer.scalar(text("SELECT cardinality(pg_blocking_pids(:process)) > 0"), {"process": process}))


@contextmanager
def waiting_transaction(engine: Engine, work: Callable[[Connection], T]) -> Iterator[Future[T]]:
    """Do ``work`` in a transaction of its own; the block begins when it waits for another transaction's lock.

    The block must release that lock, or it never ends. Indexes are off, so that rows are read in the order on disk: the
    order of locking must come from the statement and not from the plan.
    """

    def run() -> T:
        try:
            return work(connection)
        finally:
            connection.commit()

    with engine.connect() as connection, engine.connect() as observer, ThreadPoolExecutor(1) as thread:
        connection.execute(text("SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off"))
        process = connection.scalar(text("SELECT pg_backend_pid()"))
        future = thread.submit(run)
        while not is_blocked(observer, process):
            assert not future.done(), f"it did not wait: {future.result()}"
        observer.rollback()
        yield future


def waiting(engine: Engine, verb: Callable[[ProcessingStatusManager], T]) -> AbstractContextManager[Future[T]]:
    """Run ``verb`` as ``waiting_transaction`` does its work."""
    return waiting_transaction(engine, lambda connection: verb(ProcessingStatusManager(connection)))


@contextmanager
def locked_row(engine: Engine, key: Key) -> Iterator[Connection]:
    """Lock this row until the connection is rolled back."""
    with engine.connect() as connection:
        connection.execute(
            text(
                "SELECT FROM livedash.session_processing_status "
                "WHERE session_id = :session_id AND stage = :stage FOR UPDATE"
            ),
            {"session_id": key[0], "stage": key[1]},
        )
        yield connection


def locked_rows(engine: Engine) -> set[Key]:
    """The status rows that are locked."""
    with engine.begin() as connection:
        every = connection.execute(text("SELECT session_id, stage FROM livedash.session_processing_status")).all()
        free = connection.execute(
            text("SELECT session_id, stage FROM livedash.session_processing_status FOR UPDATE SKIP LOCKED")
        ).all()
    return {(row.session_id, row.stage) for row in every} - {(row.session_id, row.stage) for row in free}


def sessions_stored_backwards(engine: Engine, company_id: UUID, number: int) -> list[UUID]:
    """New sessions in the order of their ids, whose rows are on disk, and in each index, in reverse order."""
    ids = [uuid7() for _ in range(number)]
    for session_id in reversed(ids):
        with engine.begin() as connection:
            row = {"id": session_id, "company_id": company_id, "external_session_id": str(session_id)}
            connection.execute(insert(SessionImport), row)
            manager = ProcessingStatusManager(connection)
            manager.initialize_sessions({session_id: company_id}, completed_stages=1)
    return ids

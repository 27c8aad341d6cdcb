"""A worker that does nothing but hold and settle: what the manager costs, and nothing else."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier, Event
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.db import make_engine
from livedash_core.status import ProcessingStatusManager

#: A new interpreter each: a forked one would share its parent's connections.
_PROCESSES = multiprocessing.get_context("spawn")


class Chunk(NamedTuple):
    """One chunk's sessions, and how long its claim took, its commit included."""

    session_ids: list[UUID]
    claim_seconds: float


def chunks(connection: Connection, stage: str, size: int) -> Iterator[Chunk]:
    """Claim and complete, one transaction each, until nothing is due; the lease ends with the latter."""
    manager = ProcessingStatusManager(connection)
    while True:
        began = time.perf_counter()
        with connection.begin():
            claim = manager.claim(stage, size)
        claim_seconds = time.perf_counter() - began
        if not claim.attempts:
            return
        with connection.begin():
            completed = manager.complete(stage, claim.token, dict.fromkeys(claim.attempts))
            manager.release(claim.token)
        yield Chunk(completed, claim_seconds)


def drain(connection: Connection, stage: str, size: int) -> int:
    """Work until nothing is due; returns how many sessions."""
    return sum(len(chunk.session_ids) for chunk in chunks(connection, stage, size))


class Done(NamedTuple):
    """What one process did, and when by the machine's monotonic clock."""

    session_ids: list[UUID]
    began: float
    ended: float


def _work(url: str, stage: str, size: int, start: Barrier, stop: Event, results: Queue[Done]) -> None:
    engine = make_engine(url)
    session_ids: list[UUID] = []
    with engine.connect() as connection:
        start.wait()
        began = time.monotonic()
        for chunk in chunks(connection, stage, size):
            session_ids.extend(chunk.session_ids)
            if stop.is_set():
                break
        results.put(Done(session_ids, began, time.monotonic()))
    engine.dispose()


class Processes:
    """Workers that run; ``finish`` waits until nothing is due, or until they received ``stop``."""

    def __init__(self, url: str, stage: str, size: int, number: int) -> None:
        self._start = _PROCESSES.Barrier(number + 1)
        self._stop = _PROCESSES.Event()
        self._results: Queue[Done] = _PROCESSES.Queue()
        arguments = (url, stage, size, self._start, self._stop, self._results)
        self._processes = [_PROCESSES.Process(target=_work, args=arguments, daemon=True) for _ in range(number)]

    def start(self) -> None:
        """Returns when all are connected and off."""
        for process in self._processes:
            process.start()
        self._start.wait(timeout=120)

    def stop(self) -> None:
        self._stop.set()

    def finish(self) -> list[Done]:
        # Results first: a process does not end before the other side has read what it put into the queue.
        done = [self._results.get(timeout=600) for _ in self._processes]
        for process in self._processes:
            process.join()
        return done


@contextmanager
def at_work(url: str, stage: str, size: int, number: int) -> Iterator[None]:
    """So many processes claim and complete while the block lasts."""
    processes = Processes(url, stage, size, number)
    processes.start()
    try:
        yield
    finally:
        processes.stop()
        processes.finish()

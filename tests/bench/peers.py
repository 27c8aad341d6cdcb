"""Two Python queues on PostgreSQL, with the settings that were fastest for them, on jobs that do nothing.

They dispatch one coroutine per job, where LiveDash hands out chunks: what is compared is what it costs to hold and
settle a job, not what these libraries are for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

import asyncpg  # type: ignore[import-untyped] # it ships no annotations
import procrastinate
from pgqueuer import AsyncpgDriver, Job, Queries, QueueManager
from pgqueuer.types import QueueExecutionMode

from livedash_core.local.embedded_postgres import Address

#: Of 10, 100, 500 and 1,000 the fastest batch size.
PGQUEUER_BATCH = 500
#: Of 1, 10 and 30 the fastest; deleting finished jobs made no difference.
PROCRASTINATE_CONCURRENCY = 10
ENQUEUED_AT_ONCE = 1_000


class _Clock:
    """When the first and the last job ran: start and end of a worker are not its jobs' time."""

    def __init__(self) -> None:
        self.jobs = 0
        self.first = self.last = 0.0

    def tick(self) -> None:
        self.last = time.perf_counter()
        self.first = self.first or self.last
        self.jobs += 1

    def jobs_per_second(self, expected: int) -> float:
        if self.jobs != expected:
            raise RuntimeError(f"{self.jobs} of {expected} jobs ran")
        return self.jobs / (self.last - self.first)


class Pgqueuer:
    """asyncpg, large batches, durable tables (its default)."""

    def __init__(self, address: Address) -> None:
        self._address = address
        asyncio.run(self._connected(lambda queries: queries.install()))

    def jobs_per_second(self, jobs: int) -> float:
        """Enqueue so many and work them off; only the latter counts."""
        clock = _Clock()

        async def no_op(_job: Job) -> None:
            clock.tick()

        async def work(queries: Queries) -> None:
            for first in range(0, jobs, ENQUEUED_AT_ONCE):
                number = min(ENQUEUED_AT_ONCE, jobs - first)
                await queries.enqueue(["no_op"] * number, [None] * number, [0] * number)
            manager = QueueManager(queries)
            manager.entrypoint("no_op")(no_op)
            await manager.run(batch_size=PGQUEUER_BATCH, mode=QueueExecutionMode.drain)

        asyncio.run(self._connected(work))
        return clock.jobs_per_second(jobs)

    async def _connected(self, work: Callable[[Queries], Awaitable[object]]) -> None:
        connection = await asyncpg.connect(
            host=str(self._address.socket_directory), database=self._address.database, user="postgres"
        )
        try:
            await work(Queries(AsyncpgDriver(connection)))
        finally:
            await connection.close()


class Procrastinate:
    """psycopg, ten jobs at once."""

    def __init__(self, address: Address) -> None:
        self._conninfo = f"host={address.socket_directory} dbname={address.database} user=postgres"
        asyncio.run(self._opened(lambda app: app.schema_manager.apply_schema_async()))

    def jobs_per_second(self, jobs: int) -> float:
        """Enqueue so many and work them off; only the latter counts."""
        clock = _Clock()

        async def no_op() -> None:
            clock.tick()

        async def work(app: procrastinate.App) -> None:
            task = app.task(name="no_op")(no_op)
            for first in range(0, jobs, ENQUEUED_AT_ONCE):
                await task.batch_defer_async(*({} for _ in range(min(ENQUEUED_AT_ONCE, jobs - first))))
            await app.run_worker_async(
                wait=False, concurrency=PROCRASTINATE_CONCURRENCY, listen_notify=False, install_signal_handlers=False
            )

        asyncio.run(self._opened(work))
        return clock.jobs_per_second(jobs)

    async def _opened(self, work: Callable[[procrastinate.App], Awaitable[object]]) -> None:
        app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=self._conninfo))
        async with app.open_async():
            await work(app)

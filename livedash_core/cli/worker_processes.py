"""Runs a stage in this process and, when enough sessions are due, in worker processes that claim beside it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from math import ceil
from threading import Lock
from types import TracebackType
from typing import Any, Self

from sqlalchemy import text

from livedash_core.cli.interruption import Interruption
from livedash_core.cli.output import complain
from livedash_core.cli.worker import Order
from livedash_core.cli.worker_handle import WorkerHandle
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings, part_of
from livedash_core.stages.execution.runner import Runner
from livedash_core.stages.report import StageReport
from livedash_core.stages.stage import StageContext, create_stage
from livedash_core.status import Scope
from livedash_core.status.due import count_due

#: A process takes a second or two to start: as long as so many sessions take in all stages.
SESSIONS_PER_PROCESS = 200
#: Most that a runner has open at a time: to claim and settle, to renew leases, for the cost ledger.
CONNECTIONS_PER_PROCESS = 5
#: Time to release the claims; then a worker process is killed.
_GRACE_SECONDS = 20.0
_FREE_CONNECTIONS = """
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int - count(*)
FROM pg_stat_activity WHERE backend_type = 'client backend'
"""


class WorkerProcesses:
    """A context manager: up to ``most`` processes for a run of `livedash process`, this one included.

    A stage begins in more than one process only if more sessions are due than one claim takes. The limits that each
    process applies (concurrent requests, ``limit``) are divided among them. The processes stay for the next stage.
    """

    def __init__(self, context: StageContext, pipeline: Pipeline, interruption: Interruption, most: int) -> None:
        self._context = context
        self.pipeline = pipeline
        self._interruption = interruption
        self._most = most
        self._workers: list[WorkerHandle] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        deadline = time.monotonic() + _GRACE_SECONDS
        for worker in self._workers:
            worker.dismiss() if kind is None else worker.stop()
        for worker in self._workers:
            worker.close(deadline)

    def run(self, name: str, *, scope: Scope, limit: int | None, show: Callable[[StageReport], None]) -> StageReport:
        """Run one stage until nothing is due, the limit is used up, or a signal comes."""
        number = self._number(name, scope, limit)
        if number == 1:
            return self._interruption.run(self._runner(name, self._context.settings, scope, limit, show))
        return self._run_shared(name, number, scope, limit, show)

    def _run_shared(
        self, name: str, number: int, scope: Scope, limit: int | None, show: Callable[[StageReport], None]
    ) -> StageReport:
        began, lock = time.monotonic(), Lock()
        self._workers = [worker for worker in self._workers if worker.exit_code is None]
        self._workers += [WorkerHandle() for _ in range(number - 1 - len(self._workers))]
        workers = self._workers[: number - 1]
        settings = [self._context.settings.share(which, number) for which in range(number)]
        limits = [None if limit is None else part_of(limit, which, number) for which in range(number)]

        def show_sum() -> None:
            with lock:
                show(_sum(name, [runner.report, *(worker.report for worker in workers)], began))

        def stop() -> None:
            runner.stop()
            for worker in workers:
                worker.stop()

        runner = self._runner(name, settings[0], scope, limits[0], lambda _: show_sum())
        url = self._context.engine.url.render_as_string(hide_password=False)
        with self._interruption.stops(stop):
            for worker, its_settings, its_limit in zip(workers, settings[1:], limits[1:], strict=True):
                worker.begin(Order(name, scope, its_limit, its_settings, url), show_sum)
            runner.run()
            reports = [runner.report, *(worker.end() for worker in workers)]
        return _sum(name, reports, began)

    def _runner(
        self,
        name: str,
        settings: Settings,
        scope: Scope,
        limit: int | None,
        show: Callable[[StageReport], None],
    ) -> Runner[Any, Any]:
        stage = create_stage(self.pipeline.stage(name), replace(self._context, settings=settings))
        return Runner(self._context.engine, stage, self.pipeline, scope=scope, limit=limit, on_progress=show)

    def _number(self, name: str, scope: Scope, limit: int | None) -> int:
        """The number of processes that are worth their start and that the limits can be divided among."""
        # The first stage imports whole CSVs, one after the other.
        if self._most == 1 or name == self.pipeline.first:
            return 1
        stage = create_stage(self.pipeline.stage(name), self._context)
        asyncio.run(stage.close())
        size = max(stage.claim_size, SESSIONS_PER_PROCESS)
        most = min([self._most, *(getattr(self._context.settings, each) for each in stage.divided_limits)])
        with self._context.engine.connect() as connection:
            due = count_due(connection, name, scope, at_most=min(most * size, limit or most * size))
            free: int = connection.execute(text(_FREE_CONNECTIONS)).scalar_one()
        number: int = max(1, min(most, ceil(due / size)))
        # Half of them are left to others.
        allowed = 1 + max(0, free) // 2 // CONNECTIONS_PER_PROCESS
        if number > allowed:
            complain(
                f"{name}: {allowed} processes instead of {number}, because the database has {free} connections left",
                style="yellow",
            )
        return min(number, allowed)


def _sum(name: str, reports: Iterable[StageReport], began: float) -> StageReport:
    total = StageReport(name)
    for report in reports:
        total.add(report)
    total.seconds = time.monotonic() - began
    return total

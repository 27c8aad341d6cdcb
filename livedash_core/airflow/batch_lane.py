"""The lane that has sessions analysed in batches: it sends, then collects whenever it is woken."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from airflow.sdk import get_current_context

from livedash_core.airflow import connections
from livedash_core.airflow.progress import Progress
from livedash_core.airflow.run_scope import from_json
from livedash_core.errors import SystemicError
from livedash_core.pipeline import load_pipeline
from livedash_core.stages.ai_analysis.batch.jobs import BatchRunner
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.report import StageReport

log = logging.getLogger(__name__)

#: A trigger waits for so long at most; then the task looks itself, writes down how far the batches are, and shows
#: others that somebody still looks after them.
WAIT_SECONDS = 1_800
#: Of a batch that could not be found nor made yet.
WAIT_FOR_SERVER_SECONDS = 60
_LEEWAY_SECONDS = 600


@dataclass
class BatchWork:
    """What all turns of the lane did so far, and what it waits for now: nothing, when ``wait_seconds`` is 0."""

    report: StageReport
    stopped: bool
    remote_ids: list[str]
    poll_seconds: float
    wait_seconds: float


def work(lane: dict[str, Any], dag_run: str, before: dict[str, Any] | None) -> BatchWork:
    """One turn; ``before`` is the report of the earlier ones, None in the first, which sends."""
    run = from_json(lane)
    tools = connections.tools(analyzer=run.analyzer, model=run.model)
    with (
        BatchRunner(
            tools.engine,
            AiAnalysis(tools),
            load_pipeline(),
            scope=run.scope,
            limit=run.limit,
            dag_run=dag_run,
            monitored_seconds=WAIT_SECONDS + _LEEWAY_SECONDS,
            on_progress=Progress(),
        ) as jobs,
        _ended_by_sigterm(jobs),
    ):
        waiting = jobs.look()
        if before is None:
            jobs.submit([UUID(company) for company in lane["send"]])
            waiting = jobs.look()
        if jobs.stopping() or not waiting:
            jobs.leave()
            waiting = []
    for line in (f"{row.company}: batch of {row.requests:,} is {row.remote_status or 'prepared'}" for row in waiting):
        log.info("%s", line)
    if before is not None:
        jobs.report.add(_from_json(jobs.report.stage, before))
    wait_seconds = WAIT_SECONDS if all(row.remote_id for row in waiting) else WAIT_FOR_SERVER_SECONDS
    return BatchWork(
        jobs.report,
        stopped=jobs.stopping(),
        remote_ids=[row.remote_id for row in waiting if row.remote_id],
        poll_seconds=tools.settings.batch_poll_seconds,
        wait_seconds=wait_seconds if waiting else 0,
    )


@contextmanager
def _ended_by_sigterm(jobs: BatchRunner) -> Iterator[None]:
    """Within it, SIGTERM stops the jobs; and cancels them, unless only this worker has to go.

    SIGKILL follows five seconds later, and an upload may take longer: so the batches are cancelled beside it. What that
    does not reach is found by the next run.
    """
    instance = get_current_context()["ti"]
    is_over = threading.Event()

    def cancel_if_unwanted() -> None:
        is_over.wait()
        if jobs.stopping() and not _is_wanted(instance):
            jobs.cancel()

    def end(_number: int, _frame: object) -> None:
        jobs.stop()
        is_over.set()

    watcher = threading.Thread(target=cancel_if_unwanted, name="cancels batches", daemon=True)
    watcher.start()
    signal.signal(signal.SIGTERM, end)  # instead of Airflow's own handler, which ends nothing
    try:
        yield
    finally:
        is_over.set()
        watcher.join()


def _is_wanted(instance: Any) -> bool:
    """Whether Airflow still has the task down as running. It has not, once a person has marked or cleared it."""
    states = instance.get_task_states(
        dag_id=instance.dag_id, task_ids=[instance.task_id], run_ids=[instance.run_id], map_index=instance.map_index
    )
    return "running" in states.get(instance.run_id, {}).values()


def to_json(report: StageReport) -> dict[str, Any]:
    """What the next turn has to know."""
    return {**report.as_dict(), "incidents": [str(incident) for incident in report.incidents]}


def _from_json(stage: str, found: dict[str, Any]) -> StageReport:
    counts = {name: value for name, value in found.items() if name != "incidents"}
    return StageReport(stage, **counts, incidents=[SystemicError(text) for text in found["incidents"]])

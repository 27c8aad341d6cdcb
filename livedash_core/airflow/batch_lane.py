"""The lane for batches: it submits, defers, and polls and collects whenever its trigger fires."""

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
from livedash_core.stages.ai_analysis.batch.runner import BatchRunner
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.report import StageReport

log = logging.getLogger(__name__)

#: The longest wait of a trigger. Then the task polls: it stores the progress of the batches, and that this run still
#: monitors them.
WAIT_SECONDS = 1_800
#: The wait for a batch whose id at the provider is not known yet.
WAIT_FOR_ID_SECONDS = 60
_LEEWAY_SECONDS = 600


@dataclass
class BatchStep:
    """The sum of the lane's reports so far, and what it waits for now: nothing, when ``wait_seconds`` is 0.

    ``remote_ids`` are the ids of the batches at their provider, by analyzer.
    """

    report: StageReport
    stopped: bool
    remote_ids: dict[str, list[str]]
    poll_seconds: float
    wait_seconds: float


def run_step(lane: dict[str, Any], dag_run: str, before: dict[str, Any] | None) -> BatchStep:
    """Poll, and submit in the first step; ``before`` is the report of the earlier steps, None in the first."""
    run = from_json(lane)
    context = connections.stage_context(analyzer=run.analyzer, model=run.model)
    with (
        BatchRunner(
            context.engine,
            AiAnalysis(context),
            load_pipeline(),
            scope=run.scope,
            limit=run.limit,
            dag_run=dag_run,
            monitored_seconds=WAIT_SECONDS + _LEEWAY_SECONDS,
            on_progress=Progress(),
        ) as batches,
        _stopped_by_sigterm(batches),
    ):
        in_progress = batches.poll()
        if before is None:
            batches.submit([UUID(company) for company in lane["send"]])
            in_progress = batches.poll()
        if batches.should_stop() or not in_progress:
            batches.detach()
            in_progress = []
    remote_ids: dict[str, list[str]] = {}
    for row in in_progress:
        log.info("%s: batch of %s is %s", row.company, f"{row.requests:,}", row.remote_status or "prepared")
        if row.remote_id:
            remote_ids.setdefault(row.analyzer, []).append(row.remote_id)
    if before is not None:
        batches.report.add(_from_json(batches.report.stage, before))
    wait_seconds = WAIT_SECONDS if all(row.remote_id for row in in_progress) else WAIT_FOR_ID_SECONDS
    return BatchStep(
        batches.report,
        stopped=batches.should_stop(),
        remote_ids=remote_ids,
        poll_seconds=context.settings.batch_poll_seconds,
        wait_seconds=wait_seconds if in_progress else 0,
    )


@contextmanager
def _stopped_by_sigterm(batches: BatchRunner) -> Iterator[None]:
    """Within it, SIGTERM stops the batches; it cancels them too, unless only this worker is shut down.

    SIGKILL follows five seconds later, and an upload may take longer, so a thread cancels the batches meanwhile. The
    next run finds a batch that was not cancelled.
    """
    instance = get_current_context()["ti"]
    has_ended = threading.Event()

    def cancel_if_unwanted() -> None:
        has_ended.wait()
        if batches.should_stop() and not _is_running(instance):
            batches.cancel()

    def stop(_number: int, _frame: object) -> None:
        batches.stop()
        has_ended.set()

    canceller = threading.Thread(target=cancel_if_unwanted, name="livedash-cancel-batches", daemon=True)
    canceller.start()
    signal.signal(signal.SIGTERM, stop)  # replaces Airflow's own handler, which does not stop the runner
    try:
        yield
    finally:
        has_ended.set()
        canceller.join()


def _is_running(instance: Any) -> bool:
    """Whether the task's state in Airflow is running; it is not any more once an operator has marked or cleared it."""
    states = instance.get_task_states(
        dag_id=instance.dag_id, task_ids=[instance.task_id], run_ids=[instance.run_id], map_index=instance.map_index
    )
    return "running" in states.get(instance.run_id, {}).values()


def to_json(report: StageReport) -> dict[str, Any]:
    """The part of the report that the next step continues."""
    return {**report.as_dict(), "incidents": [str(incident) for incident in report.incidents]}


def _from_json(stage: str, found: dict[str, Any]) -> StageReport:
    counts = {name: value for name, value in found.items() if name != "incidents"}
    return StageReport(stage, **counts, incidents=[SystemicError(text) for text in found["incidents"]])

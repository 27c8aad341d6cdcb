"""The tasks of a stage's DAG: plan → parallel lanes → publish, and a final task that fails when any lane failed.

An Asset event only starts a run; the database says what is due. Failed sessions leave a run green and are shown on the
pages; an error that stops a stage or a company turns the run red, after the sessions that moved on were published.

DAG files import this module at every parse, so the tasks import what they need when they run.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import BaseOperator, Context, task

from livedash_core.airflow.assets import WAKE, published
from livedash_core.pipeline import load_pipeline

#: For a worker or an API server that goes away and comes back; ``AirflowFailException`` ends a task without a retry.
TASK_RETRIES: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=10)}
#: Ends a run that hangs, so that the next one can start. Three tries of a lane, each of ``lane_seconds``, end earlier.
RUN_TIMEOUT = timedelta(hours=1)
#: A run that has sent batches waits for them for up to a day. Several runs may be active, so that others need not wait.
BATCH_RUN_TIMEOUT = timedelta(hours=27)
BATCH_ACTIVE_RUNS = 16


class LaneOperator(BaseOperator):
    """Processes one lane of the plan. The lane with the batches is deferred while a model server works on them.

    An operator, because a decorated function cannot be resumed by a trigger. The database holds all that the lane needs
    to continue, so a retry or another run finds the batches.
    """

    template_fields: Sequence[str] = ("lane",)

    def __init__(self, *, stage: str, lane: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.lane = lane

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Process the lane; defer it when there are batches to wait for."""
        from livedash_core.airflow.lane import run

        if self.lane["send"] is None:
            run(self.stage, self.lane)
        else:
            self._run_batch_step(None)

    def resume(self, context: Context, event: dict[str, Any]) -> None:  # noqa: ARG002 - Airflow's signature
        """Collect the batches that have ended, and defer the lane again while others are open."""
        self._run_batch_step(event["report"])

    def _run_batch_step(self, before: dict[str, Any] | None) -> None:
        from livedash_core.airflow.batch_lane import to_json
        from livedash_core.airflow.batch_trigger import BatchTrigger
        from livedash_core.airflow.lane import run_batch_step

        step = run_batch_step(self.stage, self.lane, before)
        if step is not None:
            trigger = BatchTrigger(step.remote_ids, step.poll_seconds, step.wait_seconds, to_json(step.report))
            self.defer(trigger=trigger, method_name="resume")


def add_stage_tasks(stage: str) -> None:
    """Add the tasks of ``stage`` to the DAG that is being defined. Raises ``UnknownStage``."""

    # With nothing due, every later task is skipped: an empty run costs one task.
    @task.short_circuit(task_id="plan", show_return_value_in_logs=False, **TASK_RETRIES)
    def plan_lanes() -> list[dict[str, Any]]:
        from livedash_core.airflow.plan import plan

        return plan(stage)

    @task(task_id="publish", outlets=[published(stage), WAKE], trigger_rule="all_done", **TASK_RETRIES)
    def publish_asset(lanes: list[dict[str, Any]] | None, *, outlet_events: Any) -> None:
        from livedash_core.airflow.publishing import publish

        publish(stage, lanes or [], outlet_events)

    @task(task_id="wake", outlets=[WAKE], trigger_rule="all_done", **TASK_RETRIES)
    def wake_later_stages(lanes: list[dict[str, Any]] | None, *, outlet_events: Any) -> None:
        from livedash_core.airflow.publishing import wake

        wake(stage, lanes or [], outlet_events)

    lanes = plan_lanes()
    done = LaneOperator.partial(
        task_id="lane", stage=stage, map_index_template="{{ label }}", do_xcom_push=False, **TASK_RETRIES
    ).expand(lane=lanes)
    done >> publish_asset(lanes)  # type: ignore[call-arg, arg-type] # Airflow injects the events, resolves the XCom
    done >> EmptyOperator(
        task_id="all_lanes_ok",
        doc_md="Fails when any lane failed: the run must be red although it published its Asset.",
    )
    if stage == load_pipeline().first:
        # The one DAG with a frequent schedule wakes all others: due sessions need not wait for a daily sweep.
        done >> wake_later_stages(lanes)  # type: ignore[call-arg, arg-type] # as above

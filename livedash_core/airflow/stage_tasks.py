"""The tasks every stage's DAG is made of: plan → lanes side by side → publish, and a leaf that tells the truth.

An Asset event only wakes; what is due, the database says. Row failures leave a run green and visible; what stops a
stage or a company turns it red, after the rest was published.

DAG files import this module at every parse: what the tasks need, they import when they run.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import task

from livedash_core.airflow.assets import WAKE, published
from livedash_core.airflow.lane_operator import LaneOperator
from livedash_core.pipeline import load_pipeline

#: For a worker or an API server that comes and goes; what no retry mends is an ``AirflowFailException``.
TASK_RETRIES: dict[str, Any] = {"retries": 2, "retry_delay": timedelta(seconds=10)}
#: A run that hangs makes room for the next one. Three tries of a lane, each of ``lane_seconds``, end long before.
RUN_TIMEOUT = timedelta(hours=1)
#: A run that has sent batches waits for them, a day at most. So that others go on meanwhile, several may be active.
BATCH_RUN_TIMEOUT = timedelta(hours=27)
BATCH_ACTIVE_RUNS = 16


def stage_tasks(stage: str) -> None:
    """Put the tasks of ``stage`` into the DAG that is being defined."""

    # Nothing due: all that follows is skipped, and an empty run costs one task.
    @task.short_circuit(task_id="plan", show_return_value_in_logs=False, **TASK_RETRIES)
    def plan_lanes() -> list[dict[str, Any]]:
        from livedash_core.airflow.plan import plan

        return plan(stage)

    @task(task_id="publish", outlets=[published(stage), WAKE], trigger_rule="all_done", **TASK_RETRIES)
    def publish_moved(lanes: list[dict[str, Any]] | None, *, outlet_events: Any) -> None:
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
    done >> publish_moved(lanes)  # type: ignore[call-arg, arg-type] # Airflow injects the events, resolves the XCom
    done >> EmptyOperator(task_id="all_lanes_ok", doc_md="Red when a lane was: a published Asset must not hide that.")
    if stage == load_pipeline().first:
        # The one DAG with a clock looks after all others: nothing that is due waits for a daily sweep.
        done >> wake_later_stages(lanes)  # type: ignore[call-arg, arg-type] # as above

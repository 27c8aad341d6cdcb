"""The task that a lane is. An operator, because a decorated function cannot be woken by a trigger."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.sdk import BaseOperator, Context


class LaneOperator(BaseOperator):
    """Works off one lane of the plan. That with the batches sleeps, without a worker, while a model server works.

    Whatever it needs to go on is in the database: a retry or another run finds batches by themselves.
    """

    template_fields: Sequence[str] = ("lane",)

    def __init__(self, *, stage: str, lane: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.lane = lane

    def execute(self, context: Context) -> None:  # noqa: ARG002 - Airflow's signature
        """Begin, and end too unless there are batches to wait for."""
        from livedash_core.airflow.lane import run

        if self.lane["send"] is None:
            run(self.stage, self.lane)
        else:
            self._take_turn(None)

    def resume(self, context: Context, event: dict[str, Any]) -> None:  # noqa: ARG002 - Airflow's signature
        """Woken by the trigger: collect what has ended, and wait for the rest."""
        self._take_turn(event["report"])

    def _take_turn(self, before: dict[str, Any] | None) -> None:
        # Here, not above: a DAG file is read often, and this costs a second.
        from livedash_core.airflow.batch_lane import to_json
        from livedash_core.airflow.batch_trigger import BatchTrigger
        from livedash_core.airflow.lane import take_turn

        turn = take_turn(self.stage, self.lane, before)
        if turn is not None:
            trigger = BatchTrigger(turn.remote_ids, turn.poll_seconds, turn.wait_seconds, to_json(turn.report))
            self.defer(trigger=trigger, method_name="resume")

"""The buttons that start runs in Airflow. The browser starts them as the user; this server writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from livedash_core.web.labels import dag_id

#: The most sessions that the form of a run accepts (``livedash_core.airflow.forms``).
MAX_RUN_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class Action:
    """A button that starts a run or a backfill after a confirmation.

    ``question`` is the text of the confirmation. ``conf`` fills the form of the run, or of each run of the backfill.
    """

    label: str
    question: str
    stage: str
    conf: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["run", "backfill"] = "run"
    #: The query of ``/forecast``, if the action may cause model calls.
    forecast: Mapping[str, str] | None = None
    #: Whether the confirmation asks for a reason, which becomes the run's ``skip_reason``.
    asks_reason: bool = False

    @property
    def dag_id(self) -> str:
        """The DAG that the action starts."""
        return dag_id(self.stage)

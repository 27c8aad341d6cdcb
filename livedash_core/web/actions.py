"""What a page offers to start in Airflow. The browser starts it, as the user; this server writes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from livedash_core.web.labels import dag_id

#: As the form of a run has it (``livedash_core.airflow.forms``).
MOST_SESSIONS = 1000


@dataclass(frozen=True, slots=True)
class Action:
    """A button. ``question`` is what the user is asked first.

    ``conf`` is the form of the run, or of each run of the backfill.
    """

    label: str
    question: str
    stage: str
    conf: Mapping[str, Any] = field(default_factory=dict)
    kind: Literal["run", "backfill"] = "run"
    #: What to ask ``/forecast``, if it may have a model asked again about sessions.
    forecast: Mapping[str, str] | None = None

    @property
    def dag_id(self) -> str:
        """The DAG it starts."""
        return dag_id(self.stage)

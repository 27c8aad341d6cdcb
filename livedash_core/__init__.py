"""LiveDash: a status per session and stage, and the stages that move it.

What most users of the library need, loaded when it is asked for: parsing a DAG must cost nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livedash_core.errors import LiveDashError, PermanentError, SystemicError, TransientError
    from livedash_core.pipeline import Pipeline, StageDefinition
    from livedash_core.settings import Settings
    from livedash_core.stages.execution.runner import Runner
    from livedash_core.stages.stage import Completed, Skipped, Stage
    from livedash_core.status import Breakdown, ProcessingStatusManager, Scope

_HOMES = {
    "Breakdown": "livedash_core.status",
    "Completed": "livedash_core.stages.stage",
    "LiveDashError": "livedash_core.errors",
    "PermanentError": "livedash_core.errors",
    "Pipeline": "livedash_core.pipeline",
    "ProcessingStatusManager": "livedash_core.status",
    "Runner": "livedash_core.stages.execution.runner",
    "Scope": "livedash_core.status",
    "Settings": "livedash_core.settings",
    "Skipped": "livedash_core.stages.stage",
    "Stage": "livedash_core.stages.stage",
    "StageDefinition": "livedash_core.pipeline",
    "SystemicError": "livedash_core.errors",
    "TransientError": "livedash_core.errors",
}

__all__ = [
    "Breakdown",
    "Completed",
    "LiveDashError",
    "PermanentError",
    "Pipeline",
    "ProcessingStatusManager",
    "Runner",
    "Scope",
    "Settings",
    "Skipped",
    "Stage",
    "StageDefinition",
    "SystemicError",
    "TransientError",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)

"""LiveDash: a status per session and stage, and the stages that process the sessions.

The names below are the public ones (docs/library.md). Each is imported on first use, because Airflow parses DAG files
often and parsing must stay cheap.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from livedash_core.clients.credentials import BasicCredentials
    from livedash_core.db import check_schema, make_engine, upgrade_schema
    from livedash_core.errors import (
        ConfigurationError,
        LiveDashError,
        PermanentError,
        ProcessingError,
        SystemicError,
        TransientError,
        UnavailableError,
        UsageError,
    )
    from livedash_core.pipeline import Pipeline, StageDefinition, load_pipeline
    from livedash_core.settings import Settings
    from livedash_core.stages.execution.runner import Runner
    from livedash_core.stages.report import StageReport
    from livedash_core.stages.stage import Completed, Deferred, Skipped, Stage, StageContext, StageItem, create_stage
    from livedash_core.status import Breakdown, ProcessingStatusManager, Scope

#: Each public name and the module that defines it.
_MODULES = {
    "BasicCredentials": "livedash_core.clients.credentials",
    "Breakdown": "livedash_core.status",
    "Completed": "livedash_core.stages.stage",
    "Deferred": "livedash_core.stages.stage",
    "ConfigurationError": "livedash_core.errors",
    "LiveDashError": "livedash_core.errors",
    "PermanentError": "livedash_core.errors",
    "Pipeline": "livedash_core.pipeline",
    "ProcessingError": "livedash_core.errors",
    "ProcessingStatusManager": "livedash_core.status",
    "Runner": "livedash_core.stages.execution.runner",
    "Scope": "livedash_core.status",
    "Settings": "livedash_core.settings",
    "Skipped": "livedash_core.stages.stage",
    "Stage": "livedash_core.stages.stage",
    "StageContext": "livedash_core.stages.stage",
    "StageItem": "livedash_core.stages.stage",
    "StageDefinition": "livedash_core.pipeline",
    "StageReport": "livedash_core.stages.report",
    "SystemicError": "livedash_core.errors",
    "TransientError": "livedash_core.errors",
    "UnavailableError": "livedash_core.errors",
    "UsageError": "livedash_core.errors",
    "check_schema": "livedash_core.db",
    "create_stage": "livedash_core.stages.stage",
    "load_pipeline": "livedash_core.pipeline",
    "make_engine": "livedash_core.db",
    "upgrade_schema": "livedash_core.db",
}

__all__ = [
    "BasicCredentials",
    "Breakdown",
    "Completed",
    "ConfigurationError",
    "Deferred",
    "LiveDashError",
    "PermanentError",
    "Pipeline",
    "ProcessingError",
    "ProcessingStatusManager",
    "Runner",
    "Scope",
    "Settings",
    "Skipped",
    "Stage",
    "StageContext",
    "StageDefinition",
    "StageItem",
    "StageReport",
    "SystemicError",
    "TransientError",
    "UnavailableError",
    "UsageError",
    "check_schema",
    "create_stage",
    "load_pipeline",
    "make_engine",
    "upgrade_schema",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)

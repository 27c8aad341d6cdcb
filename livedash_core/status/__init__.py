"""The status of each session in each stage, and the queue of due work (see docs/state-machine.md)."""

from livedash_core.status.activity import StageActivity, activity
from livedash_core.status.breakdown import Breakdown, fold, read_breakdown
from livedash_core.status.manager import NEW_SESSIONS, ProcessingStatusManager
from livedash_core.status.records import Claim, FailedSession, Failure, ImportedHistory, ImportedState, StageStatus
from livedash_core.status.scope import Scope

__all__ = [
    "NEW_SESSIONS",
    "Breakdown",
    "Claim",
    "FailedSession",
    "Failure",
    "ImportedHistory",
    "ImportedState",
    "ProcessingStatusManager",
    "Scope",
    "StageActivity",
    "StageStatus",
    "activity",
    "fold",
    "read_breakdown",
]

"""The heart: a status per session and stage (see docs/state-machine.md)."""

from livedash_core.status.activity import StageActivity, activity
from livedash_core.status.breakdown import Breakdown, fold, read_breakdown
from livedash_core.status.manager import ProcessingStatusManager
from livedash_core.status.records import Claim, FailedSession, Failure, SessionHistory, StageStatus, TakenOver
from livedash_core.status.scope import Scope
from livedash_core.status.set_verbs import NEW_SESSIONS, STAGES

__all__ = [
    "NEW_SESSIONS",
    "STAGES",
    "Breakdown",
    "Claim",
    "FailedSession",
    "Failure",
    "ProcessingStatusManager",
    "Scope",
    "SessionHistory",
    "StageActivity",
    "StageStatus",
    "TakenOver",
    "activity",
    "fold",
    "read_breakdown",
]

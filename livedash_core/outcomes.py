"""The outcomes of handling one session: what ``Stage.handle`` returns. A failure is raised instead (``errors``)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from livedash_core.enums import DeferralReason

#: What a stage stores for a session.
Result = TypeVar("Result", covariant=True)


@dataclass(frozen=True, slots=True)
class Completed(Generic[Result]):
    """The stage did its work. ``result`` always reaches ``Stage.store``, also when it is None.

    ``metadata`` (small JSON) is stored in the status row.
    """

    result: Result
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Skipped(Generic[Result]):
    """There is nothing to do; ``reason`` says why and is stored in the status row with ``metadata`` (small JSON).

    A ``result`` reaches ``Stage.store`` like that of a completed session; None means that there is nothing to store.
    """

    reason: str
    result: Result | None = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Nothing is wrong, but the session cannot be handled now: its claim is released and costs no attempt.

    The session is due again after ``retry_after_seconds``. With ``this_session`` only it waits; otherwise its whole
    company waits for the next run, and ``message`` is shown as an incident of the kind ``reason``.
    """

    message: str
    reason: DeferralReason
    retry_after_seconds: float = 0
    this_session: bool = False

    def __str__(self) -> str:
        return self.message


Outcome = Completed[Result] | Skipped[Result] | Deferred

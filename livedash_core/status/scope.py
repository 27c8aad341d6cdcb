"""The scope: the selection of sessions that backfills, forms, commands and pages build for the status manager."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from livedash_core.enums import ERROR_KINDS
from livedash_core.errors import UsageError


@dataclass(frozen=True, slots=True)
class Scope:
    """A selection of sessions. ``None`` means no restriction; ``Scope()`` selects all sessions.

    The window is half open and refers to the start of the *session*: ``started_from <= start < started_before``.
    Raises ``UsageError`` for an empty window, a time without time zone, or an unknown error kind.
    """

    stages: tuple[str, ...] | None = None
    company_ids: tuple[UUID, ...] | None = None
    started_from: datetime | None = None
    started_before: datetime | None = None
    session_ids: tuple[UUID, ...] | None = None
    error_kinds: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for instant in (self.started_from, self.started_before):
            if instant is not None and instant.tzinfo is None:
                raise UsageError(f"{instant} has no time zone")
        if self.started_from and self.started_before and self.started_from >= self.started_before:
            raise UsageError(f"the window from {self.started_from} to {self.started_before} is empty")
        for kind in self.error_kinds or ():
            if kind not in ERROR_KINDS:
                raise UsageError(f"there is no error kind {kind!r}; the kinds are {', '.join(ERROR_KINDS)}")

    @property
    def names_sessions(self) -> bool:
        """Whether sessions are selected by more than their company, so that they must exist already."""
        return any(
            part is not None for part in (self.started_from, self.started_before, self.session_ids, self.error_kinds)
        )

    @property
    def reach(self) -> str:
        """How statements find sessions, as suffix of a file under ``sql/``: by primary key, start time or queue."""
        if self.session_ids is not None:
            return "of_sessions"
        if self.started_from is not None or self.started_before is not None:
            return "in_window"
        return "everywhere"

    def parameters(self) -> dict[str, Any]:
        """The bind parameters that the statements with a scope share."""
        return {
            "company_ids": _list(self.company_ids),
            "started_from": self.started_from,
            "started_before": self.started_before,
            "session_ids": _list(self.session_ids),
            "error_kinds": _list(self.error_kinds),
        }


def _list(values: Sequence[object] | None) -> list[object] | None:
    return None if values is None else list(values)

"""Parameters and results of the status manager."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import isfinite
from typing import Any, NamedTuple
from uuid import UUID

from livedash_core.errors import PermanentError, TransientError, UsageError
from livedash_core.parsing.text import clean
from livedash_core.status.grouping import failure_group
from livedash_core.status.redaction import redact

Metadata = Mapping[str, Any]

_KINDS = (TransientError.kind, PermanentError.kind)
#: IN_PROGRESS is missing: a session that another system processes has no claim here.
_IMPORTABLE = ("PENDING", "COMPLETED", "SKIPPED", "FAILED")
#: Characters of the reason for which a person skips a session.
MAX_REASON_CHARACTERS = 500
# NUL as json.dumps writes it, but not an escaped backslash followed by "u0000". PostgreSQL's jsonb refuses NUL.
_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class Claim(NamedTuple):
    """A claim: the token that settles it, and session id → number of this attempt."""

    token: UUID
    attempts: dict[UUID, int]


class Failure(NamedTuple):
    """One failed attempt. ``kind`` is ``transient`` or ``permanent``."""

    session_id: UUID
    kind: str
    message: str
    retry_after_seconds: float | None = None

    def document(self) -> dict[str, Any]:
        """The JSON that ``fail.sql`` reads. Raises ``UsageError`` for another kind or an infinite wait."""
        if self.kind not in _KINDS:
            raise UsageError(f"session {self.session_id} cannot fail as {self.kind!r}; the kinds are {_KINDS}")
        if self.retry_after_seconds is not None and not isfinite(self.retry_after_seconds):
            raise UsageError(f"session {self.session_id} cannot be retried after {self.retry_after_seconds} seconds")
        message = redact(self.message)
        return {
            "kind": self.kind,
            "message": message,
            "reason": failure_group(message),
            "retry_after": self.retry_after_seconds,
        }


class ImportedState(NamedTuple):
    """The status of a stage of a session in another system: COMPLETED, SKIPPED, FAILED or PENDING.

    ``origin`` and ``reason`` explain it and become its metadata. ``error_message`` belongs to FAILED. A time that is
    ``None`` is taken from the session's history.
    """

    stage: str
    status: str
    origin: str
    reason: str
    attempts: int = 0
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error_message: str | None = None

    def document(self) -> dict[str, Any]:
        """The JSON that ``import_history.sql`` reads. Raises ``UsageError`` for a status that cannot be imported."""
        if self.status not in _IMPORTABLE:
            raise UsageError(f"{self.stage} cannot be imported as {self.status!r}; the statuses are {_IMPORTABLE}")
        message = redact(self.error_message or "") if self.status == "FAILED" else None
        return {
            "stage": self.stage,
            "status": self.status,
            "attempts": self.attempts if self.status == "PENDING" else max(self.attempts, 1),
            "started_at": self.started_at and self.started_at.isoformat(),
            "completed_at": self.completed_at and self.completed_at.isoformat(),
            "error_message": message,
            "error_group": message and failure_group(message),
            "metadata": {"origin": self.origin, "reason": redact(self.reason)},
        }


class ImportedHistory(NamedTuple):
    """A session of another system: its company, the time of its last processing there, and its stages' statuses.

    Sessions may share one ``stages`` tuple, which is then sent to the database once.
    """

    company_id: UUID
    settled_at: datetime
    stages: tuple[ImportedState, ...]


class FailedSession(NamedTuple):
    """A FAILED stage of a session."""

    session_id: UUID
    stage: str
    company_id: UUID
    company: str
    external_session_id: str
    attempts: int
    error_kind: str
    error_message: str
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class StageStatus:
    """The row of one stage of one session."""

    stage: str
    status: str
    attempts: int
    available_at: datetime | None
    started_at: datetime | None
    completed_at: datetime | None
    error_kind: str | None
    error_message: str | None
    metadata: dict[str, Any] | None


def skip_document(reason: str, by: str) -> str:
    """The metadata of a stage that a person skipped, as JSON: why, and who. Raises ``UsageError`` without a reason."""
    if not (reason := _shortened(reason)):
        raise UsageError("a session is skipped for good with a reason: say why it needs no work")
    return json.dumps({"reason": reason, "skipped_by": _shortened(by) or "unknown"})


def _shortened(written: str) -> str:
    """A person's words in one line, without passwords and without what PostgreSQL refuses."""
    line = " ".join(clean(written).split())
    return redact(line)[:MAX_REASON_CHARACTERS] if line else ""


def json_object(sessions: Mapping[UUID, Metadata | None]) -> str:
    """Write ``{session id: metadata}`` as JSON that jsonb accepts; sessions without metadata are left out.

    Raises like ``_json_text``.
    """
    members = (f'"{key}":{_json_text(key, metadata)}' for key, metadata in sessions.items() if metadata is not None)
    return "{" + ",".join(members) + "}"


def _json_text(session_id: UUID, metadata: Metadata) -> str:
    """Write ``metadata`` as JSON that jsonb accepts.

    Raises ``UsageError`` that names the session if its metadata is not JSON or has a character that jsonb refuses.
    """
    try:
        written = json.dumps(metadata, allow_nan=False, ensure_ascii=False)
        written.encode()  # a lone surrogate is not encodable
    except (TypeError, ValueError) as error:
        raise UsageError(f"the metadata of session {session_id} is not JSON: {error}") from error
    if _NUL.search(written):
        raise UsageError(f"the metadata of session {session_id} has a NUL character, which PostgreSQL refuses")
    return written


def import_history_parameters(sessions: Mapping[UUID, ImportedHistory]) -> dict[str, Any]:
    """The parameters of ``import_history.sql``: sessions with the numbers of their histories, each history once.

    Raises ``UsageError`` for a status that cannot be imported.
    """
    numbers: dict[tuple[ImportedState, ...], int] = {}
    for history in sessions.values():
        numbers.setdefault(history.stages, len(numbers) + 1)
    return {
        "histories": json.dumps([[state.document() for state in stages] for stages in numbers]),
        "session_ids": list(sessions),
        "company_ids": [history.company_id for history in sessions.values()],
        "settled_at": [history.settled_at for history in sessions.values()],
        "numbers": [numbers[history.stages] for history in sessions.values()],
    }

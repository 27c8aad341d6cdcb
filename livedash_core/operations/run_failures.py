"""What failed in one run of Airflow, and whether it had failed for the same reason before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, text

from livedash_core.status.grouping import failure_group

#: The most failed attempts of a run that are read: the first ones.
MAX_READ = 2000


class FailedInRun(NamedTuple):
    """A failed attempt of the run. ``status`` is the stage's now; ``before`` the message of the attempt before."""

    session_id: UUID
    external_session_id: str
    stage: str
    error_kind: str
    message: str
    failed_at: datetime
    before: str | None
    status: str
    company_id: UUID

    @property
    def is_again(self) -> bool:
        """Whether the session had failed for the same reason before this run."""
        return self.before is not None and failure_group(self.before) == failure_group(self.message)


class RunReason(NamedTuple):
    """Failed attempts of a run for one reason, and how many of them failed for it again."""

    stage: str
    error_kind: str
    error_group: str
    sessions: int
    again: int


class RunChanges(NamedTuple):
    """The failed attempts of a run, and the sessions that it holds now. ``is_cut_off``: it has more than were read."""

    failed: list[FailedInRun]
    held: int
    is_cut_off: bool

    @property
    def reasons(self) -> list[RunReason]:
        """The reasons, that of most attempts first."""
        found: dict[tuple[str, str, str], list[FailedInRun]] = {}
        for one in self.failed:
            found.setdefault((one.stage, one.error_kind, failure_group(one.message)), []).append(one)
        rows = [RunReason(*key, len(ones), sum(one.is_again for one in ones)) for key, ones in found.items()]
        return sorted(rows, key=lambda row: (-row.sessions, *row[:3]))


def read_run(connection: Connection, dag_run: str, company_ids: Sequence[UUID] | None) -> RunChanges:
    """Read what a run (``dag_id/run_id``) changed, among the sessions of these companies (None: all)."""
    parameters = {
        "dag_run": dag_run.replace("\x00", ""),
        "company_ids": None if company_ids is None else list(company_ids),
        "most": MAX_READ + 1,
    }
    rows = [FailedInRun(*row) for row in connection.execute(_FAILED, parameters)]
    held = connection.scalar(_HELD, parameters) or 0
    return RunChanges(rows[:MAX_READ], held, len(rows) > MAX_READ)


_FAILED = text(
    """
    SELECT failed.session_id, left(session.external_session_id, 200), failed.stage, failed.error_kind,
           failed.error_message, failed.failed_at, earlier.error_message,
           CASE WHEN status.status = 'PENDING' AND available_at > now() THEN 'RETRYING' ELSE status.status END,
           failed.company_id
    FROM (
        SELECT * FROM livedash.session_processing_failure
        WHERE dag_run = :dag_run
          AND (CAST(:company_ids AS uuid[]) IS NULL OR company_id = ANY (CAST(:company_ids AS uuid[])))
        ORDER BY id LIMIT :most
    ) AS failed
    JOIN livedash.session_import AS session ON session.id = failed.session_id
    JOIN livedash.session_processing_status AS status
        ON status.session_id = failed.session_id AND status.stage = failed.stage
    LEFT JOIN LATERAL (
        SELECT error_message FROM livedash.session_processing_failure
        WHERE session_id = failed.session_id AND failed_at <= failed.failed_at AND id < failed.id
          AND stage = failed.stage
        ORDER BY failed_at DESC, id DESC LIMIT 1
    ) AS earlier ON true
    ORDER BY failed.id
    """
)
_HELD = text(
    """
    SELECT count(*) FROM livedash.session_processing_lease AS lease
    JOIN livedash.session_processing_status AS held ON held.lease_token = lease.token AND held.status = 'IN_PROGRESS'
    WHERE lease.dag_run = :dag_run
      AND (CAST(:company_ids AS uuid[]) IS NULL OR held.company_id = ANY (CAST(:company_ids AS uuid[])))
    """
)

"""What a DAG run is about. Four kinds of run, one ``Scope``.

*asset* and *scheduled* runs take everything that is due; a *manual* run what its form says; a *backfill* the sessions
that started in its data interval, the failed ones reset first. Manual runs from the UI carry a data interval too,
which means nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.errors import UsageError
from livedash_core.operations.companies import active_company
from livedash_core.operations.sessions import find_session
from livedash_core.status import Scope

BACKFILL, MANUAL = "backfill", "manual"

FORM = ("company", "from", "to", "session_ids", "retry_failed", "limit")
ANALYSIS_FORM = (*FORM, "analyzer", "model")


@dataclass(frozen=True)
class RunScope:
    """A scope with what a run may do to it."""

    scope: Scope
    #: FAILED sessions of the scope are put back in line first.
    retry_failed: bool = False
    limit: int | None = None
    analyzer: str | None = None
    model: str | None = None

    @property
    def drains(self) -> bool:
        """Whether the run is there for everything that is due, so that what it leaves is to go on by itself."""
        return self.scope == Scope()


def run_scope(
    connection: Connection,
    run_type: str,
    form: Mapping[str, Any],
    given: Mapping[str, Any],
    interval: tuple[datetime | None, datetime | None],
) -> RunScope:
    """Read a run. ``form`` are its parameters with defaults, ``given`` what its conf really said.

    Raises ``UsageError`` for a key the form does not have, a company that is unknown or not active, a session that
    does not exist, a window that ends before it begins.
    """
    unknown = sorted(set(given) - set(form))
    if unknown:
        raise UsageError(f"the run's conf has unknown keys {', '.join(unknown)}; it may have {', '.join(form)}")
    if run_type == BACKFILL:
        return RunScope(Scope(started_from=interval[0], started_before=interval[1]), retry_failed=True)
    if run_type != MANUAL:
        return RunScope(Scope())
    company = active_company(connection, form["company"]) if form["company"] else None
    last_day = _day(form["to"])
    ids = [find_session(connection, wanted.strip(), company) for wanted in form["session_ids"] or () if wanted.strip()]
    return RunScope(
        Scope(
            company_ids=(company,) if company else None,
            started_from=_day(form["from"]),
            started_before=last_day + timedelta(days=1) if last_day else None,
            session_ids=tuple(ids) or None,
        ),
        retry_failed=bool(form["retry_failed"]),
        limit=form["limit"],
        analyzer=form.get("analyzer"),
        model=form.get("model"),
    )


def _day(text: str | None) -> datetime | None:
    return datetime.combine(date.fromisoformat(text), time(), tzinfo=UTC) if text else None


def to_json(run: RunScope) -> dict[str, Any]:
    """For XCom."""
    scope = run.scope
    return {
        "company_ids": None if scope.company_ids is None else [str(company) for company in scope.company_ids],
        "started_from": scope.started_from and scope.started_from.isoformat(),
        "started_before": scope.started_before and scope.started_before.isoformat(),
        "session_ids": None if scope.session_ids is None else [str(session) for session in scope.session_ids],
        "limit": run.limit,
        "analyzer": run.analyzer,
        "model": run.model,
    }


def from_json(found: Mapping[str, Any]) -> RunScope:
    """The other way. Resetting is done once, before the lanes, and does not travel."""
    return RunScope(
        Scope(
            company_ids=_ids(found["company_ids"]),
            started_from=_instant(found["started_from"]),
            started_before=_instant(found["started_before"]),
            session_ids=_ids(found["session_ids"]),
        ),
        limit=found["limit"],
        analyzer=found["analyzer"],
        model=found["model"],
    )


def for_companies(run: RunScope, company_ids: tuple[UUID, ...]) -> RunScope:
    """The same run, for these companies only."""
    return replace(run, scope=replace(run.scope, company_ids=company_ids))


def _ids(texts: list[str] | None) -> tuple[UUID, ...] | None:
    return None if texts is None else tuple(UUID(text) for text in texts)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

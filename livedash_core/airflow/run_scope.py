"""The scope of a DAG run. Every kind of run becomes one ``Scope``.

*asset* and *scheduled* runs have an empty form and process every session that is due. A *manual* run processes the
sessions that its form selects. A *backfill* processes the sessions that started in its data interval, filtered by its
form, and resets the failed ones first. Manual runs from the UI have a data interval too, which is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from livedash_core.airflow.backfill_notes import EARLIER_FORM, REFUSAL
from livedash_core.enums import ACTIVE
from livedash_core.errors import UnknownCompany, UsageError
from livedash_core.models import Company, SessionImport
from livedash_core.operations.companies import active_company, list_companies
from livedash_core.operations.sessions import find_session
from livedash_core.parsing.days import day_window, describe_window, parse_day
from livedash_core.status import Scope

BACKFILL = "backfill"
#: The error about an unknown company lists so many known ones.
NAMED_COMPANIES = 20


@dataclass(frozen=True)
class RunScope:
    """A scope, and what the run does with it."""

    scope: Scope
    #: FAILED sessions of the scope are reset to PENDING first.
    retry_failed: bool = False
    #: The named sessions run again from this stage on, whatever their status.
    rerun: bool = False
    #: FAILED sessions of the scope are skipped for good first, for this reason.
    skip_reason: str | None = None
    limit: int | None = None
    analyzer: str | None = None
    model: str | None = None
    mode: str | None = None


def run_scope(
    connection: Connection,
    run_type: str,
    form: Mapping[str, Any],
    given: Mapping[str, Any],
    interval: tuple[datetime | None, datetime | None],
) -> RunScope:
    """Read a run. ``form`` are its parameters with defaults, ``given`` the keys of its conf.

    Raises ``UsageError`` for a backfill with the form of an earlier run, a key the form does not have, a company
    that is unknown or not active, a session that does not exist or belongs to such a company, a window that ends
    before it begins, days given to a backfill, ``rerun`` without sessions, or a ``skip_reason`` for no selection or
    together with a retry.
    """
    if EARLIER_FORM in given:
        raise UsageError(REFUSAL)
    unknown = sorted(set(given) - set(form))
    if unknown:
        raise UsageError(f"the run's conf has unknown keys {', '.join(unknown)}; it may have {', '.join(form)}")
    first_day, last_day = (parse_day(form[name]) if form[name] else None for name in ("from", "to"))
    if run_type == BACKFILL:
        if first_day or last_day:
            raise UsageError("a backfill has days of its own: leave from and to empty")
        started_from, started_before = interval
    else:
        started_from, started_before = day_window(first_day, last_day)
    company = _company(connection, form["company"]) if form["company"] else None
    wanted = [text.strip() for text in form["session_ids"] or () if text.strip()]
    ids = tuple(find_session(connection, text, company) for text in wanted)
    _refuse_inactive(connection, ids)
    if form["rerun"] and not ids:
        raise UsageError("rerun needs sessions: name those to run again in session_ids")
    skip_reason = (form.get("skip_reason") or "").strip() or None
    if skip_reason and (run_type == BACKFILL or form["retry_failed"] or form["rerun"]):
        raise UsageError("a run either skips failed sessions for good or retries them: leave skip_reason empty")
    if skip_reason and not (company or ids or first_day or last_day):
        raise UsageError("skip_reason needs a selection: name a company, days or sessions")
    return RunScope(
        Scope(
            company_ids=(company,) if company else None,
            started_from=started_from,
            started_before=started_before,
            session_ids=ids or None,
        ),
        retry_failed=run_type == BACKFILL or form["retry_failed"],
        rerun=form["rerun"],
        skip_reason=skip_reason,
        limit=form["limit"],
        analyzer=form.get("analyzer"),
        model=form.get("model"),
        mode=form.get("mode"),
    )


def describe_scope(run: RunScope, form: Mapping[str, Any]) -> str:
    """The scope in words, for the run's log."""
    scope = run.scope
    words = [f"named sessions ({len(scope.session_ids)})" if scope.session_ids else "sessions"]
    if form["company"] or not scope.session_ids:
        words.append(f"of {form['company'] or 'every active company'}")
    if window := describe_window(scope.started_from, scope.started_before):
        words.append(window)
    if run.limit:
        words.append(f"(at most {run.limit:,})")
    return " ".join(words)


def to_json(run: RunScope) -> dict[str, Any]:
    """The run as JSON for an XCom."""
    scope = run.scope
    return {
        "company_ids": None if scope.company_ids is None else [str(company) for company in scope.company_ids],
        "started_from": scope.started_from and scope.started_from.isoformat(),
        "started_before": scope.started_before and scope.started_before.isoformat(),
        "session_ids": None if scope.session_ids is None else [str(session) for session in scope.session_ids],
        "limit": run.limit,
        "analyzer": run.analyzer,
        "model": run.model,
        "mode": run.mode,
    }


def from_json(found: Mapping[str, Any]) -> RunScope:
    """The run from ``to_json``, without ``retry_failed``, ``rerun`` and ``skip_reason``: the plan applies them once."""
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
        mode=found["mode"],
    )


def for_companies(run: RunScope, company_ids: tuple[UUID, ...]) -> RunScope:
    """The same run, limited to these companies."""
    return replace(run, scope=replace(run.scope, company_ids=company_ids))


def _company(connection: Connection, name: str) -> UUID:
    try:
        return active_company(connection, name)
    except UnknownCompany as error:
        # The form cannot propose names: a DAG is parsed without a query.
        names = [row["name"] for row in list_companies(connection) if row["status"] == ACTIVE]
        more = f" and {len(names) - NAMED_COMPANIES} more" if len(names) > NAMED_COMPANIES else ""
        known = ", ".join(names[:NAMED_COMPANIES]) or "none yet"
        raise UsageError(f"no company is called {name!r}; the active companies are: {known}{more}") from error


def _refuse_inactive(connection: Connection, session_ids: tuple[UUID, ...]) -> None:
    """Refuse named sessions of companies that are not active: no run would claim them."""
    owner = connection.execute(
        select(SessionImport.external_session_id, Company.name, Company.status)
        .join(Company, Company.id == SessionImport.company_id)
        .where(SessionImport.id.in_(session_ids), Company.status != ACTIVE)
        .limit(1)
    ).first()
    if owner is not None:
        raise UsageError(
            f"session {owner.external_session_id} is of {owner.name}, which is {owner.status}: only ACTIVE companies "
            "are processed"
        )


def _ids(texts: list[str] | None) -> tuple[UUID, ...] | None:
    return None if texts is None else tuple(UUID(text) for text in texts)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None

"""Counts the sessions that are due, without claiming them."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, Select, and_, func, literal, literal_column, select

from livedash_core.enums import ACTIVE
from livedash_core.models import Company, ProcessingLease, ProcessingStatus, SessionImport
from livedash_core.status.scope import Scope


def count_due(connection: Connection, stage: str, scope: Scope, *, at_most: int) -> int:
    """Sessions of active companies in ``scope`` that ``stage`` could take now, leases that ran out included.

    Stops counting at ``at_most``: a backlog of millions costs no more than one of so many.
    """
    waiting = and_(
        ProcessingStatus.status == "PENDING",
        ProcessingStatus.available_at < literal_column("'infinity'"),  # what the index is defined by
        ProcessingStatus.available_at <= func.now(),
    )
    expired = select(ProcessingLease.token).where(
        ProcessingLease.stage == stage, ProcessingLease.expires_at <= func.now()
    )
    abandoned = and_(ProcessingStatus.status == "IN_PROGRESS", ProcessingStatus.lease_token.in_(expired))
    # One after the other: each condition has an index of its own.
    found = sum(_count(connection, _sessions(stage, scope, which).limit(at_most)) for which in (waiting, abandoned))
    return min(found, at_most)


def _sessions(stage: str, scope: Scope, which: ColumnElement[bool]) -> Select[int]:
    wanted = (
        select(literal(1))
        .select_from(ProcessingStatus)
        .join(Company, Company.id == ProcessingStatus.company_id)
        .where(ProcessingStatus.stage == stage, Company.status == ACTIVE, which)
    )
    if scope.company_ids is not None:
        wanted = wanted.where(ProcessingStatus.company_id.in_(scope.company_ids))
    if scope.session_ids is not None:
        wanted = wanted.where(ProcessingStatus.session_id.in_(scope.session_ids))
    if scope.error_kinds is not None:
        wanted = wanted.where(ProcessingStatus.error_kind.in_(scope.error_kinds))
    if scope.started_from is not None or scope.started_before is not None:
        wanted = wanted.join(SessionImport, SessionImport.id == ProcessingStatus.session_id)
    if scope.started_from is not None:
        wanted = wanted.where(SessionImport.started_at >= scope.started_from)
    if scope.started_before is not None:
        wanted = wanted.where(SessionImport.started_at < scope.started_before)
    return wanted


def _count(connection: Connection, wanted: Select[int]) -> int:
    return connection.scalar(select(func.count()).select_from(wanted.subquery())) or 0

"""Selects the companies that are analysed at once, and those whose sessions are sent in batches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, or_, select

from livedash_core.analysis.registry import resolve_analyzer
from livedash_core.enums import ACTIVE
from livedash_core.errors import ConfigurationError
from livedash_core.models import AiBatch, Company
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings
from livedash_core.status import Scope
from livedash_core.status.due import count_due

#: The stage that can use batches.
STAGE = "AI_ANALYSIS"


def is_asked_again(stage: str, pipeline: Pipeline) -> bool:
    """Whether running ``stage`` and all stages after it again calls a model again."""
    return STAGE in pipeline.onward_from(stage)


class AnalysisPlan(NamedTuple):
    """How the sessions of a scope are analysed.

    ``at_once`` is the part of the scope that is analysed session by session, None if nothing is left of it. ``send``
    are the companies whose due sessions are sent in batches. ``has_batches`` is whether there are batches to send or
    to poll.
    """

    at_once: Scope | None
    send: tuple[UUID, ...]
    has_batches: bool


def plan_analysis(
    connection: Connection,
    settings: Settings,
    scope: Scope,
    *,
    mode: str | None = None,
    analyzer: str | None = None,
    dag_run: str | None = None,
    wait_for_full_batches: bool = False,
) -> AnalysisPlan:
    """Plan the analysis of a scope; ``mode`` and ``analyzer`` override the companies' own.

    An analyzer without a batch API analyses at once, whatever the mode. A batch that nothing monitors is polled, also
    when its company is not in batch mode or not active any more.
    With ``wait_for_full_batches`` a company that has a batch in progress sends the next one when it is full or when
    the one in progress is collected, unless the scope names sessions; and a company with nothing due sends none.
    """
    at_once, batched = _split_companies(connection, settings, scope.company_ids, mode, analyzer)
    send = batched
    if wait_for_full_batches:
        in_progress = _companies_with_batches(connection, batched)
        send = []
        for company_id in batched:
            full = settings.batch_requests
            due = count_due(connection, STAGE, replace(scope, company_ids=(company_id,)), at_most=full)
            waits = company_id in in_progress and not scope.names_sessions
            if due == full or (due > 0 and not waits):
                send.append(company_id)
    has_any = bool(send) or has_unmonitored_batches(connection, scope.company_ids, dag_run)
    if batched:
        return AnalysisPlan(replace(scope, company_ids=tuple(at_once)) if at_once else None, tuple(send), has_any)
    return AnalysisPlan(scope, (), has_any)


def _split_companies(
    connection: Connection,
    settings: Settings,
    company_ids: Iterable[UUID] | None,
    mode: str | None,
    analyzer: str | None,
) -> tuple[list[UUID], list[UUID]]:
    """The active companies (among ``company_ids``) that are analysed at once, and those in batches; by name."""
    query = select(Company.id, Company.mode, Company.analyzer).where(Company.status == ACTIVE)
    if company_ids is not None:
        query = query.where(Company.id.in_(list(company_ids)))
    at_once: list[UUID] = []
    batched: list[UUID] = []
    for row in connection.execute(query.order_by(Company.name)):
        is_batched = (mode or row.mode) == "batch" and _has_batches(settings, analyzer or row.analyzer)
        (batched if is_batched else at_once).append(row.id)
    return at_once, batched


def _has_batches(settings: Settings, choice: str) -> bool:
    try:
        return resolve_analyzer(settings, choice).batch_watcher is not None
    except ConfigurationError:
        return False  # not installed: the run that analyses at once opens the incident of the company


def _companies_with_batches(connection: Connection, company_ids: Iterable[UUID]) -> set[UUID]:
    query = select(AiBatch.company_id).where(AiBatch.status != "closed", AiBatch.company_id.in_(list(company_ids)))
    return set(connection.scalars(query))


def has_unmonitored_batches(
    connection: Connection, company_ids: Iterable[UUID] | None = None, dag_run: str | None = None
) -> bool:
    """Whether there is an open batch (of these companies) that nothing monitors, or that ``dag_run`` does."""
    is_free = AiBatch.monitored_until <= func.now()
    if dag_run is not None:
        is_free = or_(is_free, AiBatch.dag_run == dag_run)
    query = select(AiBatch.id).where(AiBatch.status != "closed", is_free)
    if company_ids is not None:
        query = query.where(AiBatch.company_id.in_(list(company_ids)))
    return connection.scalar(query.limit(1)) is not None

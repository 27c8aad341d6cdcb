"""What of a run goes to a model in batches: a lane of its own, which sends, waits and collects."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.airflow import connections
from livedash_core.airflow.run_scope import RunScope, for_companies
from livedash_core.operations.due import count_due
from livedash_core.stages.ai_analysis.batch import selection

log = logging.getLogger(__name__)


class BatchPlan(NamedTuple):
    """``at_once`` is the run without what is batched, None if nothing is left; ``send`` are the companies with
    something to send, and ``batched`` whether there is anything to send or to look after.
    """

    at_once: RunScope | None
    send: tuple[UUID, ...]
    batched: bool


def split(connection: Connection, run: RunScope, dag_run: str) -> BatchPlan:
    """Tell apart whose sessions are analysed at once and whose in batches."""
    settings = connections.settings()
    companies = run.scope.company_ids
    found = selection.split_companies(connection, settings, companies, mode=run.mode, analyzer=run.analyzer)
    open_batches = selection.open_batches(connection, found.in_batches)

    def is_worth_a_batch(company: UUID) -> bool:
        full = settings.batch_requests
        due = count_due(connection, selection.STAGE, for_companies(run, (company,)).scope, at_most=full)
        # A trickle gathers while a batch is under way: its sessions are sent when that is collected, or are a full one.
        gathers = company in open_batches and not run.scope.names_sessions
        return due > 0 and (due == full or not gathers)

    send = tuple(company for company in found.in_batches if is_worth_a_batch(company))
    batched = bool(send or selection.left_alone(connection, companies, dag_run))
    if not found.in_batches:
        return BatchPlan(run, send, batched)
    return BatchPlan(for_companies(run, found.at_once) if found.at_once else None, send, batched)


def within_limit(run: RunScope, taken: int) -> RunScope:
    """The run, when others have taken so many of the sessions that it may have."""
    return run if run.limit is None else replace(run, limit=max(0, run.limit - taken))

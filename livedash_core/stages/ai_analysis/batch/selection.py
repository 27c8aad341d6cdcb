"""Whose sessions go to a model in batches, and whose batches wait for somebody."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Connection, func, or_, select

from livedash_core.analysis.registry import resolve_analyzer
from livedash_core.enums import ACTIVE
from livedash_core.models import AiBatch, Company
from livedash_core.pipeline import Pipeline
from livedash_core.settings import Settings

#: The stage whose work can be done in batches.
STAGE = "AI_ANALYSIS"


def is_asked_again(stage: str, pipeline: Pipeline) -> bool:
    """Whether doing ``stage``, and all stages after it, has a model asked again."""
    return STAGE in pipeline.onward_from(stage)


class Split(NamedTuple):
    """Active companies by how their sessions are analysed: at once (a model or the offline rules), or in batches."""

    at_once: tuple[UUID, ...]
    in_batches: tuple[UUID, ...]


def split_companies(
    connection: Connection,
    settings: Settings,
    company_ids: Iterable[UUID] | None,
    *,
    mode: str | None,
    analyzer: str | None,
) -> Split:
    """The active companies among ``company_ids`` (None: all), by name; ``mode`` and ``analyzer`` are the run's own.

    Batches are a model's: without a key, or with rules by choice, a company is analysed at once whatever its mode.
    """
    wanted = select(Company.id, Company.mode, Company.analyzer).where(Company.status == ACTIVE)
    if company_ids is not None:
        wanted = wanted.where(Company.id.in_(list(company_ids)))
    found = connection.execute(wanted.order_by(Company.name)).all()
    batched = {
        row.id
        for row in found
        if (mode or row.mode) == "batch" and resolve_analyzer(settings, analyzer or row.analyzer).name == "openai"
    }
    return Split(
        tuple(row.id for row in found if row.id not in batched), tuple(row.id for row in found if row.id in batched)
    )


def open_batches(connection: Connection, company_ids: Iterable[UUID] | None = None) -> dict[UUID, int]:
    """How many batches each company has under way."""
    wanted = select(AiBatch.company_id, func.count()).where(AiBatch.status != "closed").group_by(AiBatch.company_id)
    if company_ids is not None:
        wanted = wanted.where(AiBatch.company_id.in_(list(company_ids)))
    return dict(connection.execute(wanted).tuples().all())


def left_alone(
    connection: Connection, company_ids: Iterable[UUID] | None = None, dag_run: str | None = None
) -> list[UUID]:
    """The companies (among these) with a batch that nobody looks after but perhaps ``dag_run``, whatever their mode
    and status are now.
    """
    unattended = AiBatch.monitored_until <= func.now()
    whose = unattended if dag_run is None else or_(unattended, AiBatch.dag_run == dag_run)
    wanted = select(AiBatch.company_id).where(AiBatch.status != "closed", whose)
    if company_ids is not None:
        wanted = wanted.where(AiBatch.company_id.in_(list(company_ids)))
    return list(connection.scalars(wanted.distinct().order_by(AiBatch.company_id)))

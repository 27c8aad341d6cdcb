"""How many sessions wait for their next retry. The ledger cannot tell: time passes, and no statement says so."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Connection

from livedash_core.pipeline import Pipeline
from livedash_core.status.statements import statement

#: Of one company in one stage; more are counted as due, so that the sum stays right and the count stays quick.
AT_MOST = 10_000


def count_retrying(
    connection: Connection, pipeline: Pipeline, company_ids: Iterable[UUID] | None = None
) -> dict[str, int]:
    """Stage → PENDING sessions that become due later, of all companies or some."""
    wanted = {"stages": list(pipeline.names), "company_ids": None if company_ids is None else list(company_ids)}
    rows = connection.execute(statement("retrying"), {**wanted, "at_most": AT_MOST})
    return dict.fromkeys(pipeline.names, 0) | {stage: int(sessions) for stage, sessions in rows}

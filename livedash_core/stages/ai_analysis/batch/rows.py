"""Reads and writes the rows of ``ai_batch``: the state of each batch, what monitors it, and its calls in the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, or_, select, text, update

from livedash_core.models import AiBatch, AiProcessingRequest, Company


class BatchRow(NamedTuple):
    """An open batch."""

    id: UUID
    company_id: UUID
    company: str
    analyzer: str
    model: str
    lease_token: UUID
    requests: int
    input_file_id: str | None
    remote_id: str | None
    requests_done: int
    remote_status: str | None
    created_at: datetime

    @property
    def key(self) -> str:
        """The batch's name at the provider."""
        return f"livedash-{self.id}.jsonl"


_COLUMNS = [Company.name.label(name) if name == "company" else getattr(AiBatch, name) for name in BatchRow._fields]


def find(connection: Connection, batch_id: UUID) -> BatchRow | None:
    """The open batch with this id, or None."""
    return _first(connection, AiBatch.id == batch_id)


def to_monitor(connection: Connection, company_ids: Iterable[UUID] | None, dag_run: str | None) -> list[BatchRow]:
    """The open batches (of these companies) that nothing monitors, or ``dag_run`` does; oldest first."""
    is_free = or_(AiBatch.monitored_until <= func.now(), AiBatch.dag_run.is_not_distinct_from(dag_run))
    of_companies = () if company_ids is None else (AiBatch.company_id.in_(list(company_ids)),)
    return _select(connection, is_free, *of_companies)


def submitted_by(connection: Connection, dag_run: str | None) -> list[BatchRow]:
    """The open batches that ``dag_run`` monitors and whose id at the provider is known."""
    return _select(connection, AiBatch.remote_id.is_not(None), AiBatch.dag_run.is_not_distinct_from(dag_run))


def update_batch(connection: Connection, batch_id: UUID, **columns: Any) -> None:
    """Set columns of an open batch."""
    connection.execute(update(AiBatch).where(AiBatch.id == batch_id, AiBatch.status != "closed").values(columns))


def mark_monitored(connection: Connection, batch_ids: Iterable[UUID], dag_run: str | None, seconds: float) -> None:
    """Record that ``dag_run`` monitors these batches for so many seconds; no other process polls them until then."""
    until = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    connection.execute(
        update(AiBatch)
        .where(AiBatch.id.in_(list(batch_ids)), AiBatch.status != "closed")
        .values(monitored_until=until, dag_run=dag_run)
    )


def close(connection: Connection, batch_id: UUID, error_message: str | None) -> None:
    """Close a batch: all of its sessions are settled or released."""
    update_batch(connection, batch_id, status="closed", closed_at=func.now(), error_message=error_message)


def calls_of(connection: Connection, batch_id: UUID, rows: Iterable[UUID]) -> dict[UUID, tuple[UUID, str]]:
    """Those of these rows of the ledger that are calls of the batch: session id and prompt version by row."""
    call = AiProcessingRequest
    found = connection.execute(
        select(call.id, call.session_id, call.prompt_version).where(call.batch_id == batch_id, call.id.in_(list(rows)))
    )
    return {row.id: (row.session_id, row.prompt_version) for row in found}


def open_calls_of(connection: Connection, batch_id: UUID) -> list[UUID]:
    """The rows of the ledger that are open calls of the batch."""
    call = AiProcessingRequest
    return list(connection.scalars(select(call.id).where(call.batch_id == batch_id, call.outcome == "sent")))


def tokens_of(connection: Connection, batch_id: UUID) -> tuple[int, int]:
    """The tokens of all replies of the batch, input and output, according to the ledger."""
    call = AiProcessingRequest
    prompt, completion = func.sum(call.prompt_tokens), func.sum(call.completion_tokens)
    row = connection.execute(select(prompt, completion).where(call.batch_id == batch_id)).one()
    return row[0] or 0, row[1] or 0


def reduced_size(connection: Connection, company_id: UUID) -> int | None:
    """Half the size of the last batch that did not fit into the provider's queue within a day; None without one."""
    requests = connection.scalar(
        select(AiBatch.requests)
        .where(
            AiBatch.company_id == company_id,
            AiBatch.error_message == QUEUE_FULL,
            AiBatch.closed_at > func.now() - text("interval '1 day'"),
        )
        .order_by(AiBatch.id.desc())
        .limit(1)
    )
    return None if requests is None else max(1, requests // 2)


#: A batch ends within the day that it was asked for (its completion window), or shortly afterwards.
OVERDUE = timedelta(hours=25)
#: The ``error_message`` of a batch that did not fit into the provider's queue.
QUEUE_FULL = "the server's queue of batch tokens is full"


def _first(connection: Connection, *which: ColumnElement[bool]) -> BatchRow | None:
    found = _select(connection, *which)
    return found[0] if found else None


def _select(connection: Connection, *which: ColumnElement[bool]) -> list[BatchRow]:
    rows = connection.execute(
        select(*_COLUMNS)
        .join(Company, Company.id == AiBatch.company_id)
        .where(AiBatch.status != "closed", *which)
        .order_by(AiBatch.id)
    )
    return [BatchRow(*row) for row in rows]

"""The rows of ``ai_batch``: what is known of a batch, who may work on it, and its calls on the ledger."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, or_, select, text, update

from livedash_core.models import AiBatch, AiProcessingRequest, Company


class BatchRow(NamedTuple):
    """An open batch."""

    id: UUID
    company_id: UUID
    company: str
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
        """What it is called at the model server: the name of its file, and in its metadata."""
        return f"livedash-{self.id}.jsonl"


_COLUMNS = [Company.name.label(name) if name == "company" else getattr(AiBatch, name) for name in BatchRow._fields]


def find(connection: Connection, batch_id: UUID) -> BatchRow | None:
    """An open batch."""
    return _first(connection, AiBatch.id == batch_id)


def to_look_after(connection: Connection, company_ids: Iterable[UUID] | None, dag_run: str | None) -> list[BatchRow]:
    """The open batches (of these companies) that nobody looks after, or ``dag_run`` does; oldest first."""
    unattended = or_(AiBatch.monitored_until <= func.now(), AiBatch.dag_run.is_not_distinct_from(dag_run))
    whose = () if company_ids is None else (AiBatch.company_id.in_(list(company_ids)),)
    return _select(connection, unattended, *whose)


def sent_by(connection: Connection, dag_run: str | None) -> list[str]:
    """What the open batches that ``dag_run`` looks after are called at their server."""
    theirs = AiBatch.dag_run.is_not_distinct_from(dag_run)
    wanted = select(AiBatch.remote_id).where(AiBatch.status != "closed", AiBatch.remote_id.is_not(None), theirs)
    return [str(remote_id) for remote_id in connection.scalars(wanted)]


def note(connection: Connection, batch_id: UUID, **columns: Any) -> None:
    """Write down what is known of an open batch."""
    connection.execute(update(AiBatch).where(AiBatch.id == batch_id, AiBatch.status != "closed").values(columns))


def attend(connection: Connection, batch_ids: Iterable[UUID], dag_run: str | None, seconds: float) -> None:
    """Say that these are looked after for so long; nobody else need come along."""
    until = func.now() + func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    connection.execute(
        update(AiBatch)
        .where(AiBatch.id.in_(list(batch_ids)), AiBatch.status != "closed")
        .values(monitored_until=until, dag_run=dag_run)
    )


def close(connection: Connection, batch_id: UUID, error_message: str | None) -> None:
    """Nothing more will come of it."""
    note(connection, batch_id, status="closed", closed_at=func.now(), error_message=error_message)


def calls_of(connection: Connection, batch_id: UUID, rows: Iterable[UUID]) -> dict[UUID, tuple[UUID, str]]:
    """Of these ledger rows, those that are the batch's: session id and prompt version by row."""
    call = AiProcessingRequest
    found = connection.execute(
        select(call.id, call.session_id, call.prompt_version).where(call.batch_id == batch_id, call.id.in_(list(rows)))
    )
    return {row.id: (row.session_id, row.prompt_version) for row in found}


def open_calls_of(connection: Connection, batch_id: UUID) -> list[UUID]:
    """The ledger rows of the batch that have no end yet."""
    call = AiProcessingRequest
    return list(connection.scalars(select(call.id).where(call.batch_id == batch_id, call.outcome == "sent")))


def tokens_of(connection: Connection, batch_id: UUID) -> tuple[int, int]:
    """What the answers of the batch took together, in and out, as the ledger has it."""
    call = AiProcessingRequest
    prompt, completion = func.sum(call.prompt_tokens), func.sum(call.completion_tokens)
    row = connection.execute(select(prompt, completion).where(call.batch_id == batch_id)).one()
    return row[0] or 0, row[1] or 0


def shrunk_to(connection: Connection, company_id: UUID) -> int | None:
    """How many requests a batch may have after the server's queue was too short for one, within the last day."""
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


#: Why a batch was closed whose tokens did not fit into the server's queue.
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

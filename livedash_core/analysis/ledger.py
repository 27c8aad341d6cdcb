"""The cost ledger: a row per attempted model call, committed before the call and closed after it.

Whatever happens in between (a crash, a timeout, a reply that does not validate), the call that may have been billed
is on record. The transactions are the ledger's own: the stage that pays may roll back, the bill does not.
"""

from __future__ import annotations

import asyncio
from dataclasses import asdict, dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from sqlalchemy import Engine, Executable, func, insert, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from uuid6 import uuid7

from livedash_core.db import first_line
from livedash_core.errors import SystemicError
from livedash_core.models import AiProcessingRequest

Outcome = Literal["answered", "rejected", "unknown"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the server counted them; None is what it did not say. Each fits a PostgreSQL integer.

    ``cached_tokens`` and ``cache_write_tokens`` are part of ``prompt_tokens``, ``reasoning_tokens`` part of
    ``completion_tokens``.
    """

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended; ``models.ai.OUTCOMES`` says what each outcome means for the bill."""

    outcome: Outcome
    error_message: str | None = None
    model_answered: str | None = None
    provider_request_id: str | None = None
    service_tier: str | None = None
    usage: Usage = Usage()


class Ledger(Protocol):
    """Where model calls are recorded. Each method has committed when it returns."""

    async def opened(self, *, session_id: UUID, company_id: UUID, model: str, prompt_version: str) -> UUID:
        """Record that a call is about to be made; returns the row's id."""
        ...

    async def closed(self, row: UUID, end: CallEnd) -> None:
        """Record how the call ended."""
        ...

    async def faulted(self, row: UUID, error_message: str) -> None:
        """Record that an answered, hence paid, call gave nothing that can be used."""
        ...


class DatabaseLedger:
    """The ledger in ``ai_processing_request``. Raises ``SystemicError`` when the database does not answer."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def opened(self, *, session_id: UUID, company_id: UUID, model: str, prompt_version: str) -> UUID:
        """Insert a row with the outcome ``sent``."""
        row = uuid7()
        await self._commit(
            insert(AiProcessingRequest).values(
                id=row,
                session_id=session_id,
                company_id=company_id,
                model_requested=model,
                prompt_version=prompt_version,
            )
        )
        return row

    async def closed(self, row: UUID, end: CallEnd) -> None:
        """Close a ``sent`` row; one that is closed already stays as it is."""
        values: dict[str, Any] = asdict(end)
        values |= values.pop("usage")
        await self._commit(
            update(AiProcessingRequest)
            .where(AiProcessingRequest.id == row, AiProcessingRequest.outcome == "sent")
            .values(answered_at=func.now(), **values)
        )

    async def faulted(self, row: UUID, error_message: str) -> None:
        """Note on an answered row why its reply was no use."""
        await self._commit(
            update(AiProcessingRequest).where(AiProcessingRequest.id == row).values(error_message=error_message)
        )

    async def _commit(self, statement: Executable) -> None:
        # In a thread: psycopg blocks, and other calls are under way in this event loop.
        await asyncio.to_thread(self._execute, statement)

    def _execute(self, statement: Executable) -> None:
        try:
            with self._engine.begin() as connection:
                connection.execute(statement)
        except (OperationalError, PoolTimeout) as exc:
            raise SystemicError(f"the cost ledger cannot be written: {first_line(exc)}") from exc

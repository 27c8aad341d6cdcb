"""The cost ledger: a row per attempted model call, committed before the call and closed after it.

Whatever happens in between (a crash, a timeout, a reply that does not validate), the call that may have been billed
is on record. ``ledger_store`` writes the rows, ``ledger_writer`` commits them for calls that are made one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from livedash_core.enums import FinalCallOutcome, Mode

Outcome = FinalCallOutcome
#: What a caller stores in the transaction that closes a call. The ledger does not look into it.
Result = TypeVar("Result", contravariant=True)


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
class PlannedCall:
    """A call that is about to be made. The tokens are the most that it can take: what a budget sets aside for it.

    ``connection`` tells servers and keys apart whose limits are counted together; empty: there are none.
    """

    session_id: UUID
    company_id: UUID
    model: str
    prompt_version: str
    max_prompt_tokens: int
    max_completion_tokens: int
    mode: Mode = "realtime"
    connection: str = ""


@dataclass(frozen=True, slots=True)
class RateLimitUpdate:
    """What an answer told about how briskly its model may be asked over that connection; None is what it did not say.

    ``refused``: it was too brisk. ``retry_after_seconds``: how long to leave the model alone.
    """

    connection: str
    model: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    retry_after_seconds: float | None = None
    refused: bool = False


@dataclass(frozen=True, slots=True)
class CallEnd:
    """How a call ended; ``enums.FinalCallOutcome`` says what each outcome means for the bill.

    An ``error_message`` of an answered, hence paid, call says why its reply is no use.
    """

    outcome: Outcome
    error_message: str | None = None
    model_answered: str | None = None
    provider_request_id: str | None = None
    service_tier: str | None = None
    usage: Usage = Usage()
    rate_limit: RateLimitUpdate | None = None


class Ledger(Protocol[Result]):
    """Where model calls are recorded. Each method has committed when it returns."""

    async def open_call(self, call: PlannedCall) -> UUID:
        """Wait for the call's turn and record that it is about to be made; returns the row's id.

        Raises ``Deferred`` when it may not be made now, ``SystemicError`` when it may not be made at all.
        """
        ...

    async def close_call(self, row: UUID, end: CallEnd, result: Result | None = None) -> None:
        """Record how the call ended and what it cost, and store ``result`` in the same transaction.

        Raises the database's error when it refuses ``result``; the call is closed nevertheless.
        """
        ...

    async def mark_unusable(self, row: UUID, error_message: str) -> None:
        """Record that a reply is no use whose call was closed before anybody looked at it (in a batch)."""
        ...

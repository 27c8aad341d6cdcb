"""The cost ledger: one row per model call, committed before the call is made and closed after it.

A call that may have been billed is therefore on record whatever happens in between: a crash, a timeout, a reply that
does not validate. ``ledger_store`` writes the rows; ``ledger_writer`` commits them for calls that are made one by one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar
from uuid import UUID

from livedash_core.enums import FinalCallOutcome, Mode
from livedash_core.outcomes import Deferred

Outcome = FinalCallOutcome
#: What a caller stores in the transaction that closes a call. The ledger does not interpret it.
Result = TypeVar("Result", contravariant=True)


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts as the server reported them; None if it did not. Each fits into a PostgreSQL integer.

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
    """A call that is about to be made. The token counts are upper bounds; a budget reserves what they cost.

    Calls of one ``connection`` (a server and a key) and model share their rate limits; empty: no rate limit applies.
    A call without ``session_id`` is about the company's topics.
    ``openai_prices``: the server bills OpenAI's list prices; otherwise only prices that were set by hand apply.
    """

    session_id: UUID | None
    company_id: UUID
    model: str
    prompt_version: str
    max_prompt_tokens: int
    max_completion_tokens: int
    mode: Mode = "realtime"
    connection: str = ""
    openai_prices: bool = True


@dataclass(frozen=True, slots=True)
class RateLimitUpdate:
    """The rate limits that a response reported for its model and connection; None where it reported none.

    ``refused``: the server rejected the call because of a rate limit. ``retry_after_seconds``: no call may be made
    before that time has passed.
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

    The ``error_message`` of an answered call, which is billed, says why its reply is unusable.
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

    async def open_call(self, call: PlannedCall) -> UUID | Deferred:
        """Wait until the rate limits allow the call, and record that it is about to be made; returns the row's id.

        Returns ``Deferred`` when it may not be made now. Raises ``SystemicError`` when it may not be made at all.
        """
        ...

    async def close_call(self, row: UUID, end: CallEnd, result: Result | None = None) -> None:
        """Record how the call ended and what it cost, and store ``result`` in the same transaction.

        If the database refuses ``result``, its error is raised and the call is closed without it.
        """
        ...

    async def mark_unusable(self, row: UUID, error_message: str) -> None:
        """Record why the reply of a closed call is unusable (a batch closes its calls before replies are read)."""
        ...

"""Make calls of one model server: record each in the ledger, and find out whether a failure concerns every request.

A refusal or a failure says little about its cause. The caller decides by comparison: if the server answers a later
call, or a harmless question of ours, the failure was due to the one conversation. If it refuses the harmless question
too, nothing in a conversation was the reason: the key, the model or the server is, and no session is to blame.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.openai.chat_request import MIN_COMPLETION_TOKENS, ChatRequest
from livedash_core.analysis.openai.errors import (
    Disturbed,
    Overloaded,
    ParameterRefused,
    RateLimited,
    Refused,
    TranscriptTooLong,
    deferred,
)
from livedash_core.analysis.openai.gate import Gate, Ticket
from livedash_core.analysis.openai.request_form import SIMPLEST, RequestForm
from livedash_core.analysis.openai.sender import Answer, Sender, Subject
from livedash_core.analysis.openai.token_limits import NO_LIMITS
from livedash_core.costs.ledger import CallEnd, Ledger
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError, UnavailableError
from livedash_core.outcomes import Deferred
from livedash_core.parsing.text import clean

#: The harmless question: any model answers it, and no content filter objects to it.
_QUESTION = (Turn("User", "When does the office open?"), Turn("Assistant", "At nine o'clock."))
#: How long a server is left alone that failed twice in a row, unless its Retry-After is longer.
OPEN_CIRCUIT_SECONDS = 60.0
#: Calls in a row without an answer, each of which may have been billed, after which the server is left alone.
_LOST_CALLS = 2
_QUOTED_CHARACTERS = 200
#: A call that is refused because of load is sent again so many times, after a pause, before its session is deferred.
_MAX_SENDS = 6
_OVERLOADED_SECONDS = 0.25


class Answered(NamedTuple):
    """An answered call: its open row of the ledger, the answer, and the request that was sent in the end."""

    row: UUID
    answer: Answer
    chat: ChatRequest


class Caller:
    """Makes the calls for one model, server and key; after a systemic error it makes no further one.

    ``api_key`` is removed from the server's words before they are shown.
    """

    def __init__(self, sender: Sender, gate: Gate, ledger: Ledger[Any], api_key: str | None) -> None:
        self._sender = sender
        self._gate = gate
        self._ledger = ledger
        self._api_key = api_key
        self._open_until = 0.0
        self._notice = ""

    async def call(self, request: Subject, chat: ChatRequest) -> Answered | Deferred:
        """Make a call, again in a simpler form or smaller as often as the server refuses it for that.

        No other method sends a conversation. Raises the session's ``ProcessingError``, ``SystemicError`` if every
        request is refused, and ``UnavailableError`` while the server is out of order.
        """
        limited_before = self._sender.rate_limited
        for retries_left in reversed(range(_MAX_SENDS)):
            try:
                return await self._call_once(request, chat, limited_before)
            except Overloaded as error:
                if not retries_left:
                    return deferred(error)
                wait = max(error.retry_after_seconds or 0.0, _OVERLOADED_SECONDS)
            await asyncio.sleep(wait * random.uniform(1, 1.5))  # noqa: S311 - not a secret
        raise AssertionError("unreachable")

    async def _call_once(
        self, request: Subject, chat: ChatRequest, limited_before: RateLimited | None
    ) -> Answered | Deferred:
        async with self._gate.prepare():
            self._raise_if_stopped(request.company_id)
            if self._sender.rate_limited is not None and self._sender.rate_limited is not limited_before:
                return deferred(self._sender.rate_limited)
            chat = chat.fitted(self._sender.limits)
            row = await self._sender.open(request, chat)
            if isinstance(row, Deferred):
                return row
            sent = False
            try:
                async with self._gate.enter() as ticket:
                    self._raise_if_stopped(request.company_id)  # another call may have failed while this one waited
                    if self._sender.rate_limited is None or self._sender.rate_limited is limited_before:
                        sent = True
                        return await self._call_admitted(ticket, request, chat, row)
            except BaseException as exc:
                if not sent:
                    stopped = isinstance(exc, ProcessingError)
                    reason = "not sent: calls to the model have stopped" if stopped else "stopped before it was sent"
                    await self._ledger.close_call(row, CallEnd("rejected", reason))
                raise
            await self._ledger.close_call(row, CallEnd("rejected", "not sent: the server's rate limit is used up"))
            return deferred(self._sender.rate_limited)

    async def _call_admitted(
        self, ticket: Ticket, request: Subject, chat: ChatRequest, row: UUID
    ) -> Answered | Deferred:
        current = ticket
        while True:
            form = self._sender.form
            try:
                answer = await self._sender.send(current, request, chat, form, row)
            except RateLimited as error:
                return deferred(error)
            except TranscriptTooLong as error:
                self._sender.limits = self._sender.limits.tightened(error.limits)
                try:
                    chat = chat.corrected_for(error)
                except TranscriptTooLong:
                    # Not even the smallest request: is the conversation the reason, or is the context too small?
                    await self._decide(ticket, error, request, form)
            except ParameterRefused as error:
                simpler = form.without(error.parameter)
                if self._sender.form == form and (self._sender.form_works or simpler is None):
                    await self._decide(ticket, error, request, form)
                elif self._sender.form == form and simpler is not None:
                    self._sender.use_form(simpler)  # otherwise another call found out meanwhile
            except (Refused, Disturbed) as error:
                await self._decide(ticket, error, request, form)
            else:
                return Answered(row, answer, chat)
            reopened = await self._sender.open(request, chat)
            if isinstance(reopened, Deferred):
                return reopened
            row, current = reopened, self._gate.next_call()

    # --- whose fault is it?

    async def _decide(
        self,
        ticket: Ticket,
        error: Refused | Disturbed | ParameterRefused | TranscriptTooLong,
        request: Subject,
        form: RequestForm,
    ) -> None:
        """Raise ``error`` if it is the session's own, or the error that concerns every request.

        Returns if the request is worth repeating, because the server answers another form.
        """
        doubted_at = self._gate.doubt()
        if isinstance(error, Disturbed) and error.is_billed:
            # Another question may be billed as well, and in vain. So the session's attempts bound the calls.
            if self._sender.note_lost_call() >= _LOST_CALLS:
                self._open_circuit(error)
            raise error
        while self._gate.last_answered <= doubted_at:
            self._raise_if_stopped(request.company_id)
            if await self._gate.take_lead(ticket):
                await self._ask_harmless_question(error, request)
        if self._sender.form == form:
            raise error

    async def _ask_harmless_question(self, error: ProcessingError, request: Subject) -> None:
        """Ask it in the current form, and in simpler ones as long as the server refuses it."""
        chat = ChatRequest.first(
            _QUESTION,
            max_characters=1_000,
            max_completion_tokens=MIN_COMPLETION_TOKENS,
            limits=self._sender.limits,
        )
        form, refusal = self._sender.form, None
        while refusal is None:
            row = await self._sender.open(request, chat)
            if isinstance(row, Deferred):
                raise TransientError(str(error))  # undecided: the next attempt finds out
            ticket = self._gate.next_call()
            try:
                answer = await self._sender.send(ticket, request, chat, form, row)
            except RateLimited as limited:
                raise TransientError(str(error)) from limited
            except SystemicError:
                return
            except (Disturbed, PermanentError) as exc:
                if isinstance(exc, Disturbed) and exc.is_billed:
                    raise TransientError(str(error)) from exc
                simpler = self._simpler(form, exc)
                form, refusal = simpler or form, exc if simpler is None else None
            else:
                self._sender.use_form(form)
                self._sender.note_answer(ticket, form)
                end = self._sender.end_of(answer)
                await self._ledger.close_call(row, replace(end, error_message="a check whether the server works"))
                return
        if isinstance(refusal, Disturbed):
            self._open_circuit(refusal, self._quoted(refusal.words))
        else:
            self._sender.stopped = self._systemic(refusal, request.company_id)

    def _simpler(self, form: RequestForm, error: ProcessingError) -> RequestForm | None:
        """The form to try next: without what the server objects to, or the simplest if it does not say what it is."""
        if isinstance(error, ParameterRefused):
            return form.without(error.parameter)
        may_help = (
            isinstance(error, Refused)
            or (isinstance(error, Disturbed) and error.may_be_form)
            or (isinstance(error, TranscriptTooLong) and error.limits == NO_LIMITS)
        )
        return SIMPLEST if may_help and form != SIMPLEST and not self._sender.form_works else None

    def _systemic(self, refusal: ProcessingError, company_id: UUID) -> SystemicError:
        """The refusal of the harmless question."""
        if isinstance(refusal, TranscriptTooLong):
            context = self._sender.limits.context
            return SystemicError(
                f"{self._sender.server} takes too few tokens for any conversation with {self._sender.model!r}"
                f"{f' ({context:,})' if context else ''}; give the model a larger context",
                company_id=company_id,
            )
        if not isinstance(refusal, Refused):
            return SystemicError(f"{refusal}, also for a harmless question", company_id=company_id)
        return SystemicError(
            f"{refusal.for_everyone}{self._quoted(refusal.words)}; {refusal.advice}",
            company_id=None if refusal.of_account else company_id,
        )

    def _quoted(self, words: str) -> str:
        """The server's words about the harmless question, to be appended: they cannot quote a transcript."""
        words = clean(" ".join(words.split()))
        if self._api_key:
            words = words.replace(self._api_key.strip(), "***")
        words = words[:_QUOTED_CHARACTERS]
        return f": “{words}”" if words and not words.startswith("<") else ""

    def _open_circuit(self, error: Disturbed, quoted: str = "") -> None:
        seconds = max(error.retry_after_seconds or 0.0, OPEN_CIRCUIT_SECONDS)
        self._open_until, self._sender.lost_calls = time.monotonic() + seconds, 0
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self._notice = (
            f"{error}{quoted}. It failed twice in a row and is left alone until {until:%Y-%m-%d %H:%MZ}; the sessions "
            "wait without losing an attempt"
        )

    def _raise_if_stopped(self, company_id: UUID) -> None:
        if self._sender.stopped is not None:
            of_company = self._sender.stopped.company_id is not None
            raise SystemicError(str(self._sender.stopped), company_id=company_id if of_company else None)
        remaining = self._open_until - time.monotonic()
        if remaining > 0:
            raise UnavailableError(self._notice, retry_after_seconds=remaining)

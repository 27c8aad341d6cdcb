"""Make calls of one model server: record each in the ledger, and find out whether a failure concerns every request.

A refusal or a failure says little about its cause. The caller decides by comparison: if the server answers a later
call, or a harmless question of ours, the failure was due to the one conversation. If it refuses the harmless question
too, nothing in a conversation was the reason: the key, the model or the server is, and no session is to blame.
"""

from __future__ import annotations

import asyncio
import random
import time
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

import openai

from livedash_core.analysis.contract import AnalysisRequest, Turn
from livedash_core.analysis.openai.chat_request import MIN_COMPLETION_TOKENS, ChatRequest
from livedash_core.analysis.openai.client import CONNECT_SECONDS, ClientPool
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.errors import (
    Call,
    Disturbed,
    Overloaded,
    ParameterRefused,
    RateLimited,
    Refused,
    TranscriptTooLong,
    deferred,
    fault_of_answer,
    outcome,
    translated,
)
from livedash_core.analysis.openai.gate import Gate, Ticket
from livedash_core.analysis.openai.memory import ServerMemory
from livedash_core.analysis.openai.rate_limit_headers import RateLimitHeaders
from livedash_core.analysis.openai.request_form import SIMPLEST, RequestForm
from livedash_core.analysis.openai.token_limits import NO_LIMITS, TokenLimits
from livedash_core.costs.ledger import CallEnd, Ledger, Outcome, PlannedCall
from livedash_core.errors import PermanentError, ProcessingError, SystemicError, TransientError, UnavailableError
from livedash_core.outcomes import Deferred
from livedash_core.parsing.text import clean

if TYPE_CHECKING:
    # The SDK has no public name for the type of its raw responses.
    from openai._legacy_response import LegacyAPIResponse
    from openai.types.chat import ChatCompletion

    Answer = LegacyAPIResponse[ChatCompletion]

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
#: A server that asks for a longer pause refuses because of a rate limit.
_SHORT_SECONDS = 2.0
#: The timeout is doubled after a call without an answer, up to this: a local server may take minutes.
_MAX_TIMEOUT_SECONDS = 600.0


class Answered(NamedTuple):
    """An answered call: its open row of the ledger, the answer, and the request that was sent in the end."""

    row: UUID
    answer: Answer
    chat: ChatRequest


class Caller:
    """Makes the calls for one model, server and key; after a systemic error it makes no further one.

    ``slots`` bounds the calls of all callers of a run. ``connection`` identifies the server and key in the ledger.
    """

    def __init__(
        self,
        clients: ClientPool,
        ledger: Ledger[Any],
        gate: Gate,
        *,
        server: str,
        model: str,
        connection: str,
        api_key: str | None,
        memory: ServerMemory | None,
        prompt_version: str,
        timeout_seconds: float,
        slots: AbstractAsyncContextManager[object],
    ) -> None:
        self._clients = clients
        self._ledger = ledger
        self._gate = gate
        self._server = server
        self._model = model
        self._connection = connection
        self._api_key = api_key
        self._prompt_version = prompt_version
        self._timeout_seconds = timeout_seconds
        self._slots = slots
        self._memory = memory
        #: The form of the requests, and the token limits that the server has stated.
        self.form, self.limits = self._remembered = memory.load() if memory else (RequestForm(), NO_LIMITS)
        #: Whether the server has answered a request of this form.
        self._form_works = self.form != RequestForm()
        self._storing: set[asyncio.Task[None]] = set()
        self._rate_limits = RateLimitHeaders(connection, model)
        self._rate_limited: RateLimited | None = None
        self._stopped: SystemicError | None = None
        self._open_until = 0.0
        self._notice = ""
        self._lost_calls = 0
        self._refused_in_a_row = 0

    async def close(self) -> None:
        """Wait until what was found out about the server is stored."""
        await asyncio.gather(*self._storing)

    async def call(self, request: AnalysisRequest, chat: ChatRequest) -> Answered | Deferred:
        """Make a call, again in a simpler form or smaller as often as the server refuses it for that.

        No other method sends a conversation. Raises the session's ``ProcessingError``, ``SystemicError`` if every
        request is refused, and ``UnavailableError`` while the server is out of order.
        """
        limited_before = self._rate_limited
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
        self, request: AnalysisRequest, chat: ChatRequest, limited_before: RateLimited | None
    ) -> Answered | Deferred:
        async with self._gate.prepare():
            self._raise_if_stopped(request.company_id)
            if self._rate_limited is not None and self._rate_limited is not limited_before:
                return deferred(self._rate_limited)
            chat = chat.fitted(self.limits)
            row = await self._open(request, chat)
            if isinstance(row, Deferred):
                return row
            sent = False
            try:
                async with self._gate.enter() as ticket:
                    self._raise_if_stopped(request.company_id)  # another call may have failed while this one waited
                    if self._rate_limited is None or self._rate_limited is limited_before:
                        sent = True
                        return await self._call_admitted(ticket, request, chat, row)
            except BaseException as exc:
                if not sent:
                    stopped = isinstance(exc, ProcessingError)
                    reason = "not sent: calls to the model have stopped" if stopped else "stopped before it was sent"
                    await self._ledger.close_call(row, CallEnd("rejected", reason))
                raise
            await self._ledger.close_call(row, CallEnd("rejected", "not sent: the server's rate limit is used up"))
            return deferred(self._rate_limited)

    async def _call_admitted(
        self, ticket: Ticket, request: AnalysisRequest, chat: ChatRequest, row: UUID
    ) -> Answered | Deferred:
        current = ticket
        while True:
            form = self.form
            try:
                answer = await self._send(current, request, chat, form, row)
            except RateLimited as error:
                return deferred(error)
            except TranscriptTooLong as error:
                self.limits = self.limits.tightened(error.limits)
                chat = chat.corrected_for(error)
            except ParameterRefused as error:
                simpler = form.without(error.parameter)
                if self.form == form and (self._form_works or simpler is None):
                    await self._decide(ticket, error, request, form)
                elif self.form == form and simpler is not None:
                    self._use_form(simpler)  # otherwise another call found out meanwhile
            except (Refused, Disturbed) as error:
                await self._decide(ticket, error, request, form)
            else:
                return Answered(row, answer, chat)
            reopened = await self._open(request, chat)
            if isinstance(reopened, Deferred):
                return reopened
            row, current = reopened, self._gate.next_call()

    async def _send(
        self, ticket: Ticket, request: AnalysisRequest, chat: ChatRequest, form: RequestForm, row: UUID
    ) -> Answer:
        """Send one request; closes its row of the ledger unless it is answered."""
        call = Call(self._server, self._model, self._timeout_seconds, request.company_id)
        try:
            answer = await self._post(ticket, chat, form)
        except (openai.APIError, TimeoutError) as exc:
            error, end = self._because_of_load(translated(exc, call), ticket), outcome(exc)
            await self._close_failed(row, error, end, exc)
            raise error from exc
        except asyncio.CancelledError:
            unanswered = CallEnd("unknown", "stopped before the answer came")
            never_sent = CallEnd("rejected", "stopped before it was sent")
            await self._ledger.close_call(row, unanswered if ticket.is_sent else never_sent)
            raise
        if (fault := fault_of_answer(answer.content, call)) is not None:
            await self._close_failed(row, fault, "rejected", None)
            raise fault
        self._gate.limit.answered(time.monotonic() - ticket.sent_at, ticket.concurrent)
        self._note_answer(ticket, form)
        return answer

    def _because_of_load(self, error: ProcessingError, ticket: Ticket) -> ProcessingError:
        """``Overloaded`` instead of ``error`` if fewer concurrent calls are the remedy, not time or another server."""
        is_refusal = isinstance(error, RateLimited) or (isinstance(error, Disturbed) and error.is_overload)
        if not is_refusal or not isinstance(error, TransientError):
            return error
        self._refused_in_a_row += 1
        waits = (error.retry_after_seconds or 0.0) > _SHORT_SECONDS
        if waits or ticket.concurrent == 1 or self._refused_in_a_row > ticket.concurrent:
            return error
        self._gate.limit.refused(ticket.concurrent)
        return Overloaded(str(error), retry_after_seconds=error.retry_after_seconds)

    async def _close_failed(self, row: UUID, error: ProcessingError, end: Outcome, exc: Exception | None) -> None:
        if isinstance(error, SystemicError):
            self._stopped = error
        limits = None
        if isinstance(error, RateLimited):
            self._rate_limited = error
            headers = exc.response.headers if isinstance(exc, openai.APIStatusError) else {}
            limits = self._rate_limits.read_refusal(headers, error.retry_after_seconds)
        request_id = getattr(exc, "request_id", None)
        await self._ledger.close_call(row, CallEnd(end, str(error), provider_request_id=request_id, rate_limit=limits))

    def _note_answer(self, ticket: Ticket, form: RequestForm) -> None:
        self._lost_calls = self._refused_in_a_row = 0
        self._form_works = self._form_works or form == self.form
        self._gate.answered(ticket)
        self._remember()

    def _remember(self) -> None:
        if self._memory is None or (self.form, self.limits) == self._remembered:
            return
        self._remembered = (self.form, self.limits)
        # In the background: an answer has been paid for, and its row in the ledger is open.
        task = asyncio.create_task(asyncio.to_thread(self._memory.store, self.form, self.limits))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

    def note_context(self, prompt_tokens: int) -> None:
        """The server read only so many tokens of a longer prompt: send it no longer ones from now on."""
        self.limits = self.limits.tightened(TokenLimits(context=prompt_tokens + MIN_COMPLETION_TOKENS))
        self._remember()

    async def _post(self, ticket: Ticket, chat: ChatRequest, form: RequestForm) -> Answer:
        """Send the request; returns the raw response with status 200. Raises the SDK's errors and ``TimeoutError``."""
        # The SDK's timeout applies to each read, so a server that sends a byte now and then would never reach it.
        async with self._slots, asyncio.timeout(self._timeout_seconds):
            ticket.sent()
            # As an extra body, which is sent unchanged and replaces the empty messages. Otherwise the SDK walks through
            # messages and schema to translate names (there are none), which takes two fifths of a call's CPU time.
            with self._clients.acquire() as client:
                return await client.chat.completions.with_raw_response.create(
                    model=self._model,
                    messages=(),
                    extra_body=chat.body(self._model, form),
                    timeout=openai.Timeout(self._timeout_seconds, connect=CONNECT_SECONDS),
                )

    def end_of(self, completion: Completion, answer: Answer) -> CallEnd:
        """How an answered call ended, with the rate limits that the server reported."""
        return replace(completion.end(answer.request_id), rate_limit=self._rate_limits.read_answer(answer.headers))

    def planned(self, request: AnalysisRequest, chat: ChatRequest) -> PlannedCall:
        """The call as the ledger records it."""
        return PlannedCall(
            request.session_id,
            request.company_id,
            self._model,
            self._prompt_version,
            chat.max_prompt_tokens,
            chat.max_completion_tokens,
            "realtime",
            self._connection,
        )

    async def _open(self, request: AnalysisRequest, chat: ChatRequest) -> UUID | Deferred:
        return await self._ledger.open_call(self.planned(request, chat))

    # --- whose fault is it?

    async def _decide(
        self, ticket: Ticket, error: Refused | Disturbed | ParameterRefused, request: AnalysisRequest, form: RequestForm
    ) -> None:
        """Raise ``error`` if it is the session's own, or the error that concerns every request.

        Returns if the request is worth repeating, because the server answers another form.
        """
        doubted_at = self._gate.doubt()
        if isinstance(error, Disturbed) and error.is_billed:
            # Another question may be billed as well, and in vain. So the session's attempts bound the calls.
            self._lost_calls += 1
            self._timeout_seconds = max(self._timeout_seconds, min(2 * self._timeout_seconds, _MAX_TIMEOUT_SECONDS))
            self._gate.limit.timeout_seconds = self._timeout_seconds
            if self._lost_calls >= _LOST_CALLS:
                self._open_circuit(error)
            raise error
        while self._gate.last_answered <= doubted_at:
            self._raise_if_stopped(request.company_id)
            if await self._gate.take_lead(ticket):
                await self._ask_harmless_question(error, request)
        if self.form == form:
            raise error

    async def _ask_harmless_question(self, error: ProcessingError, request: AnalysisRequest) -> None:
        """Ask it in the current form, and in simpler ones as long as the server refuses it."""
        chat = ChatRequest.first(_QUESTION, max_characters=1_000, max_completion_tokens=1_000, limits=self.limits)
        form, refusal = self.form, None
        while refusal is None:
            row = await self._open(request, chat)
            if isinstance(row, Deferred):
                raise TransientError(str(error))  # undecided: the next attempt finds out
            ticket = self._gate.next_call()
            try:
                answer = await self._send(ticket, request, chat, form, row)
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
                self._use_form(form)
                self._note_answer(ticket, form)
                end = self.end_of(Completion.read(answer.content), answer)
                await self._ledger.close_call(row, replace(end, error_message="a check whether the server works"))
                return
        if isinstance(refusal, Disturbed):
            self._open_circuit(refusal)
        else:
            self._stopped = self._systemic(refusal, request.company_id)

    def _simpler(self, form: RequestForm, error: ProcessingError) -> RequestForm | None:
        """The form to try next: without what the server objects to, or the simplest if it does not say what it is."""
        if isinstance(error, ParameterRefused):
            return form.without(error.parameter)
        may_help = isinstance(error, Refused) or (isinstance(error, Disturbed) and error.may_be_form)
        return SIMPLEST if may_help and form != SIMPLEST and not self._form_works else None

    def _systemic(self, refusal: ProcessingError, company_id: UUID) -> SystemicError:
        """The refusal of the harmless question, in the server's own words: they cannot quote a transcript."""
        if not isinstance(refusal, Refused):
            return SystemicError(f"{refusal}, also for a harmless question", company_id=company_id)
        words = clean(" ".join(refusal.words.split()))
        if self._api_key:
            words = words.replace(self._api_key.strip(), "***")
        words = words[:_QUOTED_CHARACTERS]
        quoted = f": “{words}”" if words and not words.startswith("<") else ""
        return SystemicError(
            f"{refusal.for_everyone}{quoted}; {refusal.advice}", company_id=None if refusal.of_account else company_id
        )

    def _use_form(self, form: RequestForm) -> None:
        if form != self.form:
            self.form, self._form_works = form, False

    def _open_circuit(self, error: Disturbed) -> None:
        seconds = max(error.retry_after_seconds or 0.0, OPEN_CIRCUIT_SECONDS)
        self._open_until, self._lost_calls = time.monotonic() + seconds, 0
        until = datetime.now(UTC) + timedelta(seconds=seconds)
        self._notice = (
            f"{error}. It failed twice in a row and is left alone until {until:%Y-%m-%d %H:%MZ}; the sessions wait "
            "without losing an attempt"
        )

    def _raise_if_stopped(self, company_id: UUID) -> None:
        if self._stopped is not None:
            of_company = self._stopped.company_id is not None
            raise SystemicError(str(self._stopped), company_id=company_id if of_company else None)
        remaining = self._open_until - time.monotonic()
        if remaining > 0:
            raise UnavailableError(self._notice, retry_after_seconds=remaining)

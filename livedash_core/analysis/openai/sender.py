"""Send requests to one model server, record each call in the ledger, and keep what was found out about the server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Any, NamedTuple, Protocol
from uuid import UUID

import openai

from livedash_core.analysis.openai.call_span import call_span, describe_answer
from livedash_core.analysis.openai.chat_request import MIN_COMPLETION_TOKENS, ChatRequest
from livedash_core.analysis.openai.client import CONNECT_SECONDS
from livedash_core.analysis.openai.completion import Completion, completion_in
from livedash_core.analysis.openai.errors import (
    Call,
    Disturbed,
    Overloaded,
    RateLimited,
    outcome,
    translated,
)
from livedash_core.analysis.openai.gate import Gate, Ticket
from livedash_core.analysis.openai.http_library import http
from livedash_core.analysis.openai.memory import PartialRead, Remembered, ServerMemory
from livedash_core.analysis.openai.rate_limit_headers import RateLimitHeaders
from livedash_core.analysis.openai.request_form import RequestForm
from livedash_core.analysis.openai.token_limits import TokenLimits
from livedash_core.costs import CallEnd, Ledger, PlannedCall
from livedash_core.costs.ledger import Outcome, Usage
from livedash_core.errors import ProcessingError, SystemicError, TransientError
from livedash_core.outcomes import Deferred

#: Of a request whose body is JSON that is encoded already.
_JSON = {"Content-Type": "application/json"}
#: A server that asks for a longer pause refuses because of a rate limit, and not because of the calls under way.
_SHORT_SECONDS = 2.0
#: The timeout is doubled after a call without an answer, up to this: a local server may take minutes.
_MAX_TIMEOUT_SECONDS = 600.0


class Answer(NamedTuple):
    """The completion in a response with status 200, and the response's headers."""

    completion: Completion
    headers: Mapping[str, str]


class Subject(Protocol):
    """What a call is about: a session, or a company as a whole (no ``session_id``)."""

    @property
    def session_id(self) -> UUID | None:
        """The session."""
        ...

    @property
    def company_id(self) -> UUID:
        """The company that pays."""
        ...


class Sender:
    """Sends the requests for one model, server and key.

    ``slots`` bounds the calls of all senders of a run. ``connection`` identifies the server and key in the ledger, and
    ``openai_prices`` says whether the server bills OpenAI's list prices.
    """

    def __init__(
        self,
        client: openai.AsyncOpenAI,
        ledger: Ledger[Any],
        gate: Gate,
        *,
        server: str,
        model: str,
        connection: str,
        openai_prices: bool,
        memory: ServerMemory | None,
        prompt_version: str,
        timeout_seconds: float,
        slots: AbstractAsyncContextManager[object],
    ) -> None:
        self._client = client
        # Absolute, because the SDK parses and joins a relative one with its base URL for each request.
        self._url = str(client.base_url.join("chat/completions"))
        self._ledger = ledger
        self._gate = gate
        self.server = server
        self.model = model
        self._connection = connection
        self._openai_prices = openai_prices
        self._prompt_version = prompt_version
        self._timeout_seconds = timeout_seconds
        self._slots = slots
        self._memory = memory
        #: The form of the requests, the token limits that the server has stated, and a prompt that it read in part.
        self._remembered = memory.load() if memory else Remembered()
        self.form, self.limits, self._partial = self._remembered
        #: Whether the server has answered a request of this form.
        self.form_works = self.form != RequestForm()
        #: The error after which no call is sent, and the last refusal because of a rate limit.
        self.stopped: SystemicError | None = None
        self.rate_limited: RateLimited | None = None
        #: Calls in a row that got no answer and may be billed.
        self.lost_calls = 0
        self._refused_in_a_row = 0
        self._rate_limits = RateLimitHeaders(connection, model)
        self._storing: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Wait until what was found out about the server is stored."""
        await asyncio.gather(*self._storing)

    async def send(self, ticket: Ticket, request: Subject, chat: ChatRequest, form: RequestForm, row: UUID) -> Answer:
        """Send one request; closes its row of the ledger unless it is answered. Raises ``ProcessingError``."""
        call = Call(self.server, self.model, self._timeout_seconds, request.company_id)
        try:
            with call_span(self.server, self.model, request.session_id, request.company_id) as span:
                answer = await self._post(ticket, chat, form)
                describe_answer(span, answer.completion)
        except (openai.APIError, TimeoutError) as exc:
            error, end = self._because_of_load(translated(exc, call), ticket), outcome(exc)
            await self._close_failed(row, error, end, exc)
            raise error from exc
        except asyncio.CancelledError:
            unanswered = CallEnd("unknown", "stopped before the answer came")
            never_sent = CallEnd("rejected", "stopped before it was sent")
            await self._ledger.close_call(row, unanswered if ticket.is_sent else never_sent)
            raise
        self._gate.limit.answered(time.monotonic() - ticket.sent_at, ticket.concurrent)
        self.note_answer(ticket, form)
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
            self.stopped = error
        limits = None
        if isinstance(error, RateLimited):
            self.rate_limited = error
            headers = exc.response.headers if isinstance(exc, openai.APIStatusError) else {}
            limits = self._rate_limits.read_refusal(headers, error.retry_after_seconds)
        request_id = getattr(exc, "request_id", None)
        await self._ledger.close_call(row, CallEnd(end, str(error), provider_request_id=request_id, rate_limit=limits))

    def note_answer(self, ticket: Ticket, form: RequestForm) -> None:
        """The server answered a request of this form."""
        self.lost_calls = self._refused_in_a_row = 0
        self.form_works = self.form_works or form == self.form
        self._gate.answered(ticket)
        self._remember()

    def _remember(self) -> None:
        found = Remembered(self.form, self.limits, self._partial)
        if self._memory is None or found == self._remembered:
            return
        self._remembered = found
        # In the background: an answer has been paid for, and its row in the ledger is open.
        task = asyncio.create_task(asyncio.to_thread(self._memory.store, found))
        self._storing.add(task)
        task.add_done_callback(self._storing.discard)

    def note_read(self, chat: ChatRequest, usage: Usage) -> PartialRead | None:
        """Compare the tokens that the server read with those of the prompt; returns them if it read it in part.

        Then no longer prompt is sent to it from now on, until it has read a longer one as a whole.
        """
        read, sent = usage.prompt_tokens or 0, chat.min_prompt_tokens
        if not usage.cached_tokens and chat.was_read_in_part(usage.prompt_tokens):
            self._partial = PartialRead(sent, read)
            self.limits = self.limits.tightened(TokenLimits(context=read + MIN_COMPLETION_TOKENS))
        elif self._partial is not None and sent > self._partial.read and read >= sent:
            if self.limits.context == self._partial.read + MIN_COMPLETION_TOKENS:
                self.limits = replace(self.limits, context=None)
            self._partial = None
        else:
            return None
        self._remember()
        return self._partial

    async def _post(self, ticket: Ticket, chat: ChatRequest, form: RequestForm) -> Answer:
        """Send the request; returns the response with status 200 and a completion.

        Raises the SDK's errors, also for one that a response with status 200 describes, and ``TimeoutError``.
        """
        # The SDK's timeout applies to each read, so a server that sends a byte now and then would never reach it.
        async with self._slots, asyncio.timeout(self._timeout_seconds):
            ticket.sent()
            # Not by the SDK's method for completions, which walks through messages and schema to translate names (there
            # are none), and not as a dict: both take more CPU time than the HTTP client.
            response = await self._client.post(
                self._url,
                cast_to=http.Response,
                content=chat.encoded(self.model, form),
                options={"headers": _JSON, "timeout": openai.Timeout(self._timeout_seconds, connect=CONNECT_SECONDS)},
            )
        return Answer(completion_in(response), response.headers)

    def end_of(self, answer: Answer) -> CallEnd:
        """How an answered call ended, with the rate limits that the server reported."""
        return replace(
            answer.completion.end(answer.headers.get("x-request-id")),
            rate_limit=self._rate_limits.read_answer(answer.headers),
        )

    def planned(self, request: Subject, chat: ChatRequest) -> PlannedCall:
        """The call as the ledger records it."""
        return PlannedCall(
            request.session_id,
            request.company_id,
            self.model,
            chat.prompt_version or self._prompt_version,
            chat.max_prompt_tokens,
            chat.max_completion_tokens,
            "realtime",
            self._connection,
            self._openai_prices,
        )

    async def open(self, request: Subject, chat: ChatRequest) -> UUID | Deferred:
        """Open the call's row in the ledger; see ``Ledger.open_call``."""
        return await self._ledger.open_call(self.planned(request, chat))

    def use_form(self, form: RequestForm) -> None:
        """Send requests of this form from now on."""
        if form != self.form:
            self.form, self.form_works = form, False

    def note_lost_call(self) -> int:
        """A call got no answer: wait longer for the next ones. Returns the number of such calls in a row."""
        self.lost_calls += 1
        self._timeout_seconds = max(self._timeout_seconds, min(2 * self._timeout_seconds, _MAX_TIMEOUT_SECONDS))
        self._gate.limit.timeout_seconds = self._timeout_seconds
        return self.lost_calls

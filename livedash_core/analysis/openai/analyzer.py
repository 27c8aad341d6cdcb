"""Analyse a session with a model: call it, record the call in the ledger, and correct each kind of failure once."""

from __future__ import annotations

import asyncio
import hashlib
import json
from contextlib import nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import openai

from livedash_core.analysis.batches import BatchRequest, BatchResult
from livedash_core.analysis.contract import Analysis, AnalysisRequest
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.batch_api import OpenAIBatches
from livedash_core.analysis.openai.chat_request import ChatRequest
from livedash_core.analysis.openai.client import ClientPool, make_client, server_of
from livedash_core.analysis.openai.completion import Completion, raise_unless_completion
from livedash_core.analysis.openai.errors import (
    Call,
    RateLimited,
    TranscriptTooLong,
    deferred,
    outcome,
    translated,
)
from livedash_core.analysis.openai.rate_limit_headers import RateLimitHeaders
from livedash_core.analysis.openai.reply import ReplyCutOff, UnusableReply, read_completion
from livedash_core.analysis.stored_analyses import StoredAnalysis, stored_analysis_of
from livedash_core.costs.ledger import CallEnd, Ledger, PlannedCall
from livedash_core.enums import Mode
from livedash_core.errors import ProcessingError, SystemicError, TransientError
from livedash_core.outcomes import Deferred

if TYPE_CHECKING:
    # The SDK has no public name for the type of its raw responses.
    from openai._legacy_response import LegacyAPIResponse
    from openai.types.chat import ChatCompletion

    Answer = LegacyAPIResponse[ChatCompletion]


class OpenAIAnalyzer:
    """Analyses sessions with a model: one chat completion each, and up to three more for corrections.

    ``base_url`` None is OpenAI. ``timeout_seconds`` bounds a whole call, however slowly the response arrives.
    ``max_completion_tokens`` includes reasoning; a reply of our schema takes about 400.
    ``max_transcript_characters`` is the most that is sent of a conversation; 200 000 are about 60 000 tokens. ``slots``
    bounds the concurrent calls; a call that the ledger is opening or closing has no slot.

    Raises ``ConfigurationError`` for an invalid key or base URL.
    """

    name = "openai"
    prompt_version = prompt.PROMPT_VERSION

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        model: str,
        ledger: Ledger[StoredAnalysis],
        timeout_seconds: float = 120,
        max_completion_tokens: int = 4_096,
        max_transcript_characters: int = 200_000,
        slots: asyncio.Semaphore | None = None,
    ) -> None:
        self._server = server_of(base_url)
        self._model = model
        self._ledger = ledger
        self._timeout_seconds = timeout_seconds
        self._max_completion_tokens = max_completion_tokens
        self._max_transcript_characters = max_transcript_characters
        self._slots = slots or nullcontext()
        self._client = make_client(api_key, base_url, timeout_seconds)
        self._clients = ClientPool(self._client)
        #: Identifies the server and key that share rate limits; the digest reveals neither.
        self._connection = hashlib.sha256(f"{self._client.base_url}\n{api_key}".encode()).hexdigest()[:16]
        self._rate_limits = RateLimitHeaders(self._connection, model)
        self._stopped: SystemicError | None = None
        self._refused: RateLimited | None = None

    async def close(self) -> None:
        """Close the connections."""
        await self._clients.close()

    async def analyze(self, request: AnalysisRequest) -> Analysis | Deferred:
        """Analyse one session; see ``contract.Analyzer``.

        One repair of an unusable reply, twice the tokens for one that was cut off, and half of a transcript that is too
        long for the model: each is tried once, then the failure is raised.
        """
        return await self._analyze_with_corrections(request, None, self.prompt_version)

    def batch_request(self, request: AnalysisRequest) -> BatchRequest:
        """The first call of ``analyze``, for a batch; see ``batches.BatchAnalyzer``."""
        chat = self._first_request(request)
        body = json.dumps(self._body(chat), ensure_ascii=False, separators=(",", ":"))
        return BatchRequest(self._planned_call(request, chat, "batch"), body.encode())

    async def analyze_result(
        self, request: AnalysisRequest, result: BatchResult, prompt_version: str
    ) -> Analysis | Deferred:
        """Analyse with the reply of a batch, and repair it as ``analyze`` does; see ``batches.BatchAnalyzer``."""
        return await self._analyze_with_corrections(request, result, prompt_version)

    def batch_adapter(self, company_id: UUID) -> OpenAIBatches:
        """The batch API of the same server, with the same key."""
        return OpenAIBatches(self._client, Call(self._server, self._model, self._timeout_seconds, company_id))

    async def _analyze_with_corrections(
        self, request: AnalysisRequest, result: BatchResult | None, prompt_version: str
    ) -> Analysis | Deferred:
        """Read ``result``, or make a call if there is none, and correct each kind of failure once."""
        chat = self._first_request(request)
        while True:
            try:
                if result is None:
                    analysis = await self._call_and_read(request, chat)
                else:
                    analysis = await self._read(request, result, prompt_version)
            except (UnusableReply, ReplyCutOff, TranscriptTooLong) as failure:
                chat, result = chat.corrected_for(failure), None
                continue
            if isinstance(analysis, Deferred):
                return analysis
            return replace(analysis, notes=analysis.notes | chat.notes)

    async def _call_and_read(self, request: AnalysisRequest, chat: ChatRequest) -> Analysis | Deferred:
        """Make one call and read its reply; close the call with its usage, and with the analysis if there is one."""
        called = await self._call(request, chat)
        if isinstance(called, Deferred):
            return called
        row, answer = called
        completion = Completion.read(answer.content)
        end = replace(completion.end(answer.request_id), rate_limit=self._rate_limits.read_answer(answer.headers))
        # There is no await between here and the ledger, so that a cancellation cannot lose the usage of the reply.
        try:
            analysis = self._read_analysis(completion, request, self.prompt_version)
        except Exception as exc:
            message = str(exc) if isinstance(exc, ProcessingError) else f"internal error: {type(exc).__name__}"
            await self._ledger.close_call(row, replace(end, error_message=message))
            raise
        stored = stored_analysis_of(request, self._model, analysis)
        await self._ledger.close_call(row, end, stored)
        return analysis

    async def _read(self, request: AnalysisRequest, result: BatchResult, prompt_version: str) -> Analysis:
        """Read the reply of a batch, whose call is closed in the ledger."""
        if result.error is not None:
            raise result.error
        try:
            return self._read_analysis(Completion.read(result.body), request, prompt_version)
        except ProcessingError as error:
            await self._ledger.mark_unusable(result.call_id, str(error))
            raise

    def _read_analysis(self, completion: Completion, request: AnalysisRequest, prompt_version: str) -> Analysis:
        try:
            analysis = read_completion(completion, request.language_hint)
        except (UnusableReply, ReplyCutOff, TransientError):
            if completion.error is None:
                raise
            error = completion.error.as_status_error()
            raise translated(
                error, Call(self._server, self._model, self._timeout_seconds, request.company_id)
            ) from error
        model = completion.model or self._model
        return replace(analysis, analyzer=self.name, model=model, prompt_version=prompt_version)

    async def _call(self, request: AnalysisRequest, chat: ChatRequest) -> tuple[UUID, Answer] | Deferred:
        """Make one call; returns its open row of the ledger and the answer. No other method sends a request.

        After a systemic error no further call is sent, because it would fail as well. Neither is a call that waited
        for its slot while the server refused another one because of a rate limit.
        """
        self._refuse_if_stopped(request.company_id)
        refused_before = self._refused
        row = await self._ledger.open_call(self._planned_call(request, chat, "realtime"))
        if isinstance(row, Deferred):
            return row
        sent = False
        try:
            async with self._slots:
                self._refuse_if_stopped(request.company_id)  # another call may have failed while this one waited
                if self._refused is None or self._refused is refused_before:
                    sent = True
                    return row, await self._send(chat)
                refused = self._refused
        except SystemicError:
            await self._ledger.close_call(row, CallEnd("rejected", "not sent: calls to the model have stopped"))
            raise
        except (openai.APIError, TimeoutError) as exc:
            error = translated(exc, Call(self._server, self._model, self._timeout_seconds, request.company_id))
            end = CallEnd(outcome(exc), str(error), provider_request_id=getattr(exc, "request_id", None))
            if isinstance(error, SystemicError):
                self._stopped = error
            if isinstance(error, RateLimited) and isinstance(exc, openai.APIStatusError):
                self._refused = error
                limits = self._rate_limits.read_refusal(exc.response.headers, error.retry_after_seconds)
                await self._ledger.close_call(row, replace(end, rate_limit=limits))
                return deferred(error)
            await self._ledger.close_call(row, end)
            raise error from exc
        except asyncio.CancelledError:
            unanswered = CallEnd("unknown", "stopped before the answer came")
            await self._ledger.close_call(
                row, unanswered if sent else CallEnd("rejected", "stopped before it was sent")
            )
            raise
        await self._ledger.close_call(row, CallEnd("rejected", "not sent: the server's rate limit is used up"))
        return deferred(refused)

    def _refuse_if_stopped(self, company_id: UUID) -> None:
        if self._stopped is not None:
            of_company = self._stopped.company_id is not None
            raise SystemicError(str(self._stopped), company_id=company_id if of_company else None)

    async def _send(self, chat: ChatRequest) -> Answer:
        """Send the request; returns the raw response with status 200 and a completion.

        Raises the SDK's errors, also for one that a response with status 200 describes, and ``TimeoutError``.
        """
        # The SDK's timeout applies to each read, so a server that sends a byte now and then would never reach it.
        async with asyncio.timeout(self._timeout_seconds):
            # As an extra body, which is sent unchanged and replaces the empty messages. Otherwise the SDK walks through
            # messages and schema to translate names (there are none), which takes two fifths of a call's CPU time.
            with self._clients.acquire() as client:
                answer = await client.chat.completions.with_raw_response.create(
                    model=self._model, messages=(), extra_body=self._body(chat)
                )
        raise_unless_completion(answer.http_response)
        return answer

    def _planned_call(self, request: AnalysisRequest, chat: ChatRequest, mode: Mode) -> PlannedCall:
        return PlannedCall(
            request.session_id,
            request.company_id,
            self._model,
            self.prompt_version,
            chat.max_prompt_tokens,
            chat.max_completion_tokens,
            mode,
            # A batch has its own queue and no limit per minute.
            self._connection if mode == "realtime" else "",
        )

    def _first_request(self, request: AnalysisRequest) -> ChatRequest:
        return ChatRequest.first(
            request.turns,
            max_characters=self._max_transcript_characters,
            max_completion_tokens=self._max_completion_tokens,
        )

    def _body(self, chat: ChatRequest) -> dict[str, Any]:
        # No optional parameter, because a server may refuse one that it does not know.
        return {
            "model": self._model,
            "messages": chat.messages,
            "max_completion_tokens": chat.max_completion_tokens,
            "response_format": prompt.RESPONSE_FORMAT,
        }

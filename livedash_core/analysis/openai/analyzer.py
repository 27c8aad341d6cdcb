"""Analyse a session with a model: call it, record the call in the ledger, and correct each kind of failure once."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import nullcontext
from dataclasses import replace
from uuid import UUID

from livedash_core.analysis.batches import BatchRequest, BatchResult
from livedash_core.analysis.contract import Analysis, AnalysisRequest
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.adaptive_limit import AdaptiveLimit
from livedash_core.analysis.openai.base_url import parse_base_url
from livedash_core.analysis.openai.batch_api import OpenAIBatches
from livedash_core.analysis.openai.caller import Answered, Caller
from livedash_core.analysis.openai.chat_request import ChatRequest
from livedash_core.analysis.openai.client import make_chat_client, make_client
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.errors import Call, NoJson, ParameterRefused, Refused, TranscriptTooLong, translated
from livedash_core.analysis.openai.gate import Gate
from livedash_core.analysis.openai.memory import ServerMemory
from livedash_core.analysis.openai.question import Question
from livedash_core.analysis.openai.reply import ReplyCutOff, UnusableReply, read_completion, with_masked_numbers
from livedash_core.analysis.openai.sender import Sender
from livedash_core.analysis.stored_analyses import StoredAnalysis, stored_analysis_of
from livedash_core.costs.ledger import Ledger
from livedash_core.errors import ProcessingError, TransientError
from livedash_core.outcomes import Deferred


class OpenAIAnalyzer:
    """Analyses sessions with a model: one chat completion each, and up to three more for corrections.

    ``base_url`` None is OpenAI; without ``api_key`` none is sent. What the server does not accept is read from
    ``memory`` and stored there. ``timeout_seconds`` bounds a whole call, however slowly the response arrives.
    ``max_completion_tokens`` includes reasoning; a reply of our schema takes about 400.
    ``max_transcript_characters`` is the most that is sent of a conversation; 200 000 are about 60 000 tokens.
    ``concurrency`` bounds the concurrent calls, whose number adapts to the server; ``slots`` those of several
    analyzers. A call that the ledger is opening or closing has no slot. ``openai_prices``: whether the server bills
    OpenAI's list prices; None: as its address says (``BaseUrl.has_openai_prices``).

    Raises ``ConfigurationError`` for an invalid key or base URL.
    """

    name = "openai"
    prompt_version = prompt.PROMPT_VERSION

    def __init__(
        self,
        *,
        api_key: str | None,
        base_url: str | None,
        model: str,
        ledger: Ledger[StoredAnalysis],
        timeout_seconds: float = 120,
        max_completion_tokens: int = 4_096,
        max_transcript_characters: int = 200_000,
        concurrency: int = 64,
        slots: asyncio.Semaphore | None = None,
        memory: ServerMemory | None = None,
        openai_prices: bool | None = None,
    ) -> None:
        address = parse_base_url(base_url)
        self._server = address.server
        self._model = model
        self._ledger = ledger
        self._timeout_seconds = timeout_seconds
        self._max_completion_tokens = max_completion_tokens
        self._max_transcript_characters = max_transcript_characters
        self._client = make_client(api_key, address, timeout_seconds)
        self._chat_client = make_chat_client(self._client)
        #: Identifies the server and key that share rate limits; the digest reveals neither.
        self._connection = hashlib.sha256(f"{self._client.base_url}\n{api_key or ''}".encode()).hexdigest()[:16]
        gate = Gate(AdaptiveLimit(concurrency, timeout_seconds))
        self._sender = Sender(
            self._chat_client,
            ledger,
            gate,
            server=self._server,
            model=model,
            connection=self._connection,
            openai_prices=address.has_openai_prices if openai_prices is None else openai_prices,
            memory=memory,
            prompt_version=self.prompt_version,
            timeout_seconds=timeout_seconds,
            slots=slots or nullcontext(),
        )
        self._caller = Caller(self._sender, gate, ledger, api_key)

    async def close(self) -> None:
        """Close the connections, after what was found out about the server is stored."""
        await self._sender.close()
        await self._chat_client.close()
        await self._client.close()

    async def analyze(self, request: AnalysisRequest) -> Analysis | Deferred:
        """Analyse one session; see ``contract.Analyzer``.

        One repair of an unusable reply, and twice the tokens for one that was cut off: each is tried once, then the
        failure is raised. A request that is too large is made smaller until it fits.
        """
        return await self._analyze_with_corrections(request, None, self.prompt_version)

    def batch_request(self, request: AnalysisRequest) -> BatchRequest:
        """The first call of ``analyze``, for a batch; see ``batches.BatchAnalyzer``."""
        chat = self._first_request(request)
        # A batch has its own queue and no limit per minute.
        planned = replace(self._sender.planned(request, chat), mode="batch", connection="")
        return BatchRequest(planned, chat.encoded(self._model, self._sender.form))

    async def analyze_result(
        self, request: AnalysisRequest, result: BatchResult, prompt_version: str
    ) -> Analysis | Deferred:
        """Analyse with the reply of a batch, and repair it as ``analyze`` does; see ``batches.BatchAnalyzer``."""
        return await self._analyze_with_corrections(request, result, prompt_version)

    async def ask(self, question: Question) -> str | Deferred:
        """Ask the model a question that is not about one session; returns the content of the reply.

        The call is recorded in the ledger like that of an analysis. Raises ``ProcessingError`` as ``analyze`` does.
        """
        chat = question.request(self._max_completion_tokens, self._sender.limits)
        called = await self._caller.call(question, chat)
        if isinstance(called, Deferred):
            return called
        await self._ledger.close_call(called.row, self._sender.end_of(called.answer))
        reply = called.answer.completion.reply
        return reply.content if reply is not None else ""

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
                if result is not None:
                    analysis = await self._read(request, result, prompt_version)
                else:
                    called = await self._caller.call(request, chat)
                    if isinstance(called, Deferred):
                        return called
                    chat = called.chat
                    analysis = await self._read_answer(request, called)
            except (UnusableReply, ReplyCutOff, NoJson) as failure:
                chat, result = chat.corrected_for(failure), None
                continue
            except TranscriptTooLong as failure:
                if result is None:
                    raise  # the caller has made it as small as it can be
                chat, result = chat.corrected_for(failure), None
                continue
            except (Refused, ParameterRefused):
                if ReplyCutOff in chat.corrected:
                    raise ReplyCutOff from None  # twice the tokens are more than the server allows
                if result is None:
                    raise
                # A batch does not say whether it refuses every request; a call is decided by comparison.
                result = None
                continue
            return replace(analysis, notes=analysis.notes | chat.notes)

    async def _read_answer(self, request: AnalysisRequest, called: Answered) -> Analysis:
        """Read the reply of a call; close the call with its usage, and with the analysis if there is one."""
        row, answer, chat = called
        completion, end = answer.completion, self._sender.end_of(answer)
        # There is no await between here and the ledger, so that a cancellation cannot lose the usage of the reply.
        try:
            analysis = self._read_analysis(completion, request, self.prompt_version)
        except Exception as exc:
            message = str(exc) if isinstance(exc, ProcessingError) else f"internal error: {type(exc).__name__}"
            await self._ledger.close_call(row, replace(end, error_message=message))
            raise
        if (partial := self._sender.note_read(chat, completion.usage)) is not None:
            notes = {**analysis.notes, "tokens_sent": partial.sent, "tokens_read": partial.read}
            analysis = replace(analysis, notes=notes)
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
        if request.countries:
            analysis = with_masked_numbers(analysis, request.countries)
        if analysis.outcome is None and prompt_version == self.prompt_version:
            # Asked for and not said; a reply to an older prompt was not asked for it.
            analysis = replace(analysis, outcome="UNKNOWN", notes={**analysis.notes, "outcome": "not said"})
        model = completion.model or self._model
        return replace(analysis, analyzer=self.name, model=model, prompt_version=prompt_version)

    def _first_request(self, request: AnalysisRequest) -> ChatRequest:
        return ChatRequest.first(
            request.turns,
            max_characters=self._max_transcript_characters,
            max_completion_tokens=self._max_completion_tokens,
            limits=self._sender.limits,
        )

"""One analysis by a model: the call, its ledger row, and one more chance for each thing that a second try may mend."""

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
from livedash_core.analysis.openai.attempt import Attempt
from livedash_core.analysis.openai.batch_api import OpenAIBatches
from livedash_core.analysis.openai.client import Clients, make_client, server_of
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.errors import Call, RateLimited, TranscriptTooLong, deferred, outcome, translated
from livedash_core.analysis.openai.rate_limit_headers import RateLimitHeaders
from livedash_core.analysis.openai.reply import ReplyCutOff, UnusableReply, read_completion
from livedash_core.analysis.stored_analyses import StoredAnalysis, stored_analysis_of
from livedash_core.costs.ledger import CallEnd, Ledger, PlannedCall
from livedash_core.enums import Mode
from livedash_core.errors import ProcessingError, SystemicError
from livedash_core.outcomes import Deferred

if TYPE_CHECKING:
    # What the SDK's raw responses are has no public name.
    from openai._legacy_response import LegacyAPIResponse
    from openai.types.chat import ChatCompletion

    Answer = LegacyAPIResponse[ChatCompletion]


class OpenAIAnalyzer:
    """Analyses sessions with a model, one chat completion each, up to three more to mend it.

    ``base_url`` None is OpenAI's own. ``timeout_seconds`` bounds one call as a whole, however slowly it drips.
    ``max_completion_tokens`` includes reasoning; a reply of our schema takes some 400.
    ``max_transcript_characters`` is what of a conversation is sent at most; 200 000 are some 60 000 tokens. ``slots``
    bound the calls under way; those that the ledger is told about do not count.

    Raises ``ConfigurationError`` for a key or base URL that cannot be one.
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
        self._clients = Clients(self._client)
        #: Whose limits are counted together; the digest tells neither key nor address.
        self._connection = hashlib.sha256(f"{self._client.base_url}\n{api_key}".encode()).hexdigest()[:16]
        self._rate_limits = RateLimitHeaders(self._connection, model)
        self._stopped: SystemicError | None = None
        self._refused: RateLimited | None = None

    async def close(self) -> None:
        """Give the connections back."""
        await self._clients.close()

    async def analyze(self, request: AnalysisRequest) -> Analysis | Deferred:
        """Analyse one session; see ``contract.Analyzer``.

        One repair of an unusable reply, one doubling of the tokens for a cut one, one halving of a transcript that is
        too long for the model: after that the failure stands.
        """
        return await self._repaired(request, None, self.prompt_version)

    def batch_request(self, request: AnalysisRequest) -> BatchRequest:
        """The first call of ``analyze``, for a batch; see ``batches.BatchAnalyzer``."""
        attempt = self._first(request)
        body = json.dumps(self._body(attempt), ensure_ascii=False, separators=(",", ":"))
        return BatchRequest(self._call_of(request, attempt, "batch"), body.encode())

    async def analyze_result(
        self, request: AnalysisRequest, result: BatchResult, prompt_version: str
    ) -> Analysis | Deferred:
        """Analyse with the reply of a batch, and repair it as ``analyze`` does; see ``batches.BatchAnalyzer``."""
        return await self._repaired(request, result, prompt_version)

    def batch_adapter(self, company_id: UUID) -> OpenAIBatches:
        """The batch API of the same server, with the same key."""
        return OpenAIBatches(self._client, Call(self._server, self._model, self._timeout_seconds, company_id))

    async def _repaired(
        self, request: AnalysisRequest, result: BatchResult | None, prompt_version: str
    ) -> Analysis | Deferred:
        """Read ``result``, or make a call when there is none, until a reply is usable or a failure stands."""
        attempt = self._first(request)
        while True:
            try:
                if result is None:
                    analysis = await self._analysed(request, attempt)
                else:
                    analysis = await self._read(request, result, prompt_version)
            except (UnusableReply, ReplyCutOff, TranscriptTooLong) as failure:
                attempt, result = attempt.after(failure), None
                continue
            if isinstance(analysis, Deferred):
                return analysis
            return replace(analysis, notes=analysis.notes | attempt.notes)

    async def _analysed(self, request: AnalysisRequest, attempt: Attempt) -> Analysis | Deferred:
        """One call, closed with its bill whatever its reply is worth; what it is worth is stored with it."""
        called = await self._called(request, attempt)
        if isinstance(called, Deferred):
            return called
        row, answer = called
        completion = Completion.read(answer.content)
        end = replace(completion.end(answer.request_id), rate_limit=self._rate_limits.answered(answer.headers))
        # From here to the ledger nothing is waited for: whoever stops us cannot come between a reply and its bill.
        try:
            analysis = self._analysis(completion, request, self.prompt_version)
        except Exception as exc:
            fault = str(exc) if isinstance(exc, ProcessingError) else f"a bug of ours: {type(exc).__name__}"
            await self._ledger.close_call(row, replace(end, error_message=fault))
            raise
        stored = stored_analysis_of(request, self._model, analysis)
        await self._ledger.close_call(row, end, stored)
        return analysis

    async def _read(self, request: AnalysisRequest, result: BatchResult, prompt_version: str) -> Analysis:
        """The analysis in a reply whose call is closed already."""
        if result.error is not None:
            raise result.error
        try:
            return self._analysis(Completion.read(result.body), request, prompt_version)
        except ProcessingError as fault:
            await self._ledger.mark_unusable(result.call_id, str(fault))
            raise

    def _analysis(self, completion: Completion, request: AnalysisRequest, prompt_version: str) -> Analysis:
        analysis = read_completion(completion, request.language_hint)
        model = completion.model or self._model
        return replace(analysis, analyzer=self.name, model=model, prompt_version=prompt_version)

    async def _called(self, request: AnalysisRequest, attempt: Attempt) -> tuple[UUID, Answer] | Deferred:
        """Make one call: its open row of the ledger and the answer. Nothing else sends a request.

        After a systemic error no call is made any more: it would fail like the first. Nor is one that still waited for
        its slot when the server asked for a pause.
        """
        self._refuse_if_stopped(request.company_id)
        refused_before = self._refused
        row = await self._ledger.open_call(self._call_of(request, attempt, "realtime"))
        if isinstance(row, Deferred):
            return row
        sent = False
        try:
            async with self._slots:
                self._refuse_if_stopped(request.company_id)  # another call may have failed while this one waited
                if self._refused is None or self._refused is refused_before:
                    sent = True
                    return row, await self._sent(attempt)
                refused = self._refused
        except SystemicError:
            await self._ledger.close_call(row, CallEnd("rejected", "not sent: the model was stopped"))
            raise
        except (openai.APIError, TimeoutError) as exc:
            error = translated(exc, Call(self._server, self._model, self._timeout_seconds, request.company_id))
            end = CallEnd(outcome(exc), str(error), provider_request_id=getattr(exc, "request_id", None))
            if isinstance(error, SystemicError):
                self._stopped = error
            if isinstance(error, RateLimited) and isinstance(exc, openai.APIStatusError):
                self._refused = error
                limits = self._rate_limits.refused(exc.response.headers, error.retry_after_seconds)
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
        await self._ledger.close_call(row, CallEnd("rejected", "not sent: the server wants to be asked less often"))
        return deferred(refused)

    def _refuse_if_stopped(self, company_id: UUID) -> None:
        if self._stopped is not None:
            of_company = self._stopped.company_id is not None
            raise SystemicError(str(self._stopped), company_id=company_id if of_company else None)

    async def _sent(self, attempt: Attempt) -> Answer:
        """A 200 as it came. Raises what the SDK raises, and ``TimeoutError``."""
        # The SDK's timeout is per read: a server that drips a byte now and then would never reach it.
        async with asyncio.timeout(self._timeout_seconds):
            # As an extra body, which goes out as it is and replaces the empty messages: to walk through messages and
            # schema, looking for names to translate (there are none), takes the SDK two fifths of a call's CPU.
            with self._clients.one() as client:
                return await client.chat.completions.with_raw_response.create(
                    model=self._model, messages=(), extra_body=self._body(attempt)
                )

    def _call_of(self, request: AnalysisRequest, attempt: Attempt, mode: Mode) -> PlannedCall:
        return PlannedCall(
            request.session_id,
            request.company_id,
            self._model,
            self.prompt_version,
            attempt.max_prompt_tokens,
            attempt.max_completion_tokens,
            mode,
            # A batch has a queue of its own, and no limit per minute.
            self._connection if mode == "realtime" else "",
        )

    def _first(self, request: AnalysisRequest) -> Attempt:
        return Attempt.first(
            request.turns,
            max_characters=self._max_transcript_characters,
            max_completion_tokens=self._max_completion_tokens,
        )

    def _body(self, attempt: Attempt) -> dict[str, Any]:
        # Nothing that can be left out: an unknown server may refuse what it does not know.
        return {
            "model": self._model,
            "messages": attempt.messages,
            "max_completion_tokens": attempt.max_completion_tokens,
            "response_format": prompt.RESPONSE_FORMAT,
        }

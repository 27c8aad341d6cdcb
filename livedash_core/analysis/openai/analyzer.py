"""One judgement by a model: the call, its ledger row, and one more chance for each thing that a second try may mend."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit
from uuid import UUID

import openai

from livedash_core.analysis.contract import Analysis, AnalysisRequest
from livedash_core.analysis.ledger import CallEnd, Ledger
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.attempt import Attempt
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.errors import Call, TranscriptTooLong, outcome, translated
from livedash_core.analysis.openai.reply import ReplyCutOff, UnusableReply, read_completion
from livedash_core.errors import ConfigurationError, ProcessingError

#: Where the SDK goes too; named here so that it does not look into the environment for another place.
OPENAI_URL = "https://api.openai.com/v1"
_CONNECT_SECONDS = 5.0


class OpenAIAnalyzer:
    """Judges sessions with a model, one chat completion each, up to three more to mend it.

    ``base_url`` None is OpenAI's own. ``timeout_seconds`` bounds one call as a whole, however slowly it drips.
    ``max_completion_tokens`` includes reasoning; a reply of our schema takes some 400.
    ``max_transcript_characters`` is what of a conversation is sent at most; 200 000 are some 60 000 tokens.

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
        ledger: Ledger,
        timeout_seconds: float = 120,
        max_completion_tokens: int = 4_096,
        max_transcript_characters: int = 200_000,
    ) -> None:
        self._server = _server_of(base_url or OPENAI_URL)
        self._model = model
        self._ledger = ledger
        self._timeout_seconds = timeout_seconds
        self._max_completion_tokens = max_completion_tokens
        self._max_transcript_characters = max_transcript_characters
        # No retries of the SDK's own: each is billed, and none is on our ledger.
        self._client = openai.AsyncOpenAI(
            api_key=_checked_key(api_key),
            base_url=base_url or OPENAI_URL,
            max_retries=0,
            timeout=openai.Timeout(timeout_seconds, connect=_CONNECT_SECONDS),
        )

    async def close(self) -> None:
        """Give the connections back."""
        await self._client.close()

    async def analyze(self, request: AnalysisRequest) -> Analysis:
        """Judge one session; see ``contract.Analyzer``.

        One repair of an unusable reply, one doubling of the tokens for a cut one, one halving of a transcript that is
        too long for the model: after that the failure stands.
        """
        attempt = Attempt.first(
            request.turns,
            max_characters=self._max_transcript_characters,
            max_completion_tokens=self._max_completion_tokens,
        )
        while True:
            try:
                analysis = await self._judged(request, attempt)
            except (UnusableReply, ReplyCutOff, TranscriptTooLong) as failure:
                attempt = attempt.after(failure)
            else:
                notes = analysis.notes | attempt.notes
                return replace(analysis, analyzer=self.name, prompt_version=self.prompt_version, notes=notes)

    async def _judged(self, request: AnalysisRequest, attempt: Attempt) -> Analysis:
        """One call, paid and on record before its reply is looked at."""
        row, completion = await self._called(request, attempt)
        try:
            analysis = read_completion(completion, request.language_hint)
        except ProcessingError as fault:
            await self._ledger.faulted(row, str(fault))
            raise
        return replace(analysis, model=completion.model or self._model)

    async def _called(self, request: AnalysisRequest, attempt: Attempt) -> tuple[UUID, Completion]:
        """The ledger row and the completion of one call: nothing else sends a request."""
        row = await self._ledger.opened(
            session_id=request.session_id,
            company_id=request.company_id,
            model=self._model,
            prompt_version=self.prompt_version,
        )
        try:
            body, request_id = await self._sent(attempt)
        except (openai.APIError, TimeoutError) as exc:
            error = translated(exc, Call(self._server, self._model, self._timeout_seconds, request.company_id))
            request_id = getattr(exc, "request_id", None)
            await self._ledger.closed(row, CallEnd(outcome(exc), str(error), provider_request_id=request_id))
            raise error from exc
        except asyncio.CancelledError:
            await self._ledger.closed(row, CallEnd("unknown", "stopped before the answer came"))
            raise
        completion = Completion.read(body)
        await self._ledger.closed(row, completion.end(request_id))
        return row, completion

    async def _sent(self, attempt: Attempt) -> tuple[bytes, str | None]:
        """The body of a 200 and the server's id for the request. Raises what the SDK raises, and ``TimeoutError``."""
        # The SDK's timeout is per read: a server that drips a byte now and then would never reach it.
        async with asyncio.timeout(self._timeout_seconds):
            # Nothing that can be left out: an unknown server may refuse what it does not know.
            answer = await self._client.chat.completions.with_raw_response.create(
                model=self._model,
                messages=attempt.messages,
                max_completion_tokens=attempt.max_completion_tokens,
                response_format=prompt.RESPONSE_FORMAT,
            )
        return answer.content, answer.request_id


def _checked_key(api_key: str) -> str:
    key = api_key.strip()
    # Anything else breaks in the HTTP client, whose exception would show the key.
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise ConfigurationError("the OpenAI API key is empty or no key at all; check OPENAI_API_KEY")
    return key


def _server_of(base_url: str) -> str:
    """Host and port, for messages: a base URL may hold a password."""
    try:
        parts = urlsplit(base_url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme not in ("http", "https"):
        raise ConfigurationError("the OpenAI base URL is not like https://host/v1; check OPENAI_BASE_URL")
    return f"{host}:{port}" if port else host

"""Build the request for the model, and its corrections after a failure; pure except for the random fence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import TYPE_CHECKING, Any

import msgspec

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.errors import NoJson, TranscriptTooLong
from livedash_core.analysis.openai.excerpt import Excerpt, create_excerpt
from livedash_core.analysis.openai.injection import injection_cues
from livedash_core.analysis.openai.reply import ReplyCutOff, UnusableReply
from livedash_core.analysis.openai.request_form import RequestForm
from livedash_core.analysis.openai.token_limits import NO_LIMITS, TokenLimits

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam
    from openai.types.shared_params import ResponseFormatJSONSchema

#: Measured with OpenAI's o200k: Dutch 4.1, German 4.0, English 4.6 characters, identifiers and markup 2.5 to 3.
_MIN_BYTES_PER_TOKEN = 2.5
_CHARACTERS_PER_TOKEN = 3.3
#: More than in any ordinary text, so that a count below half of it is certain to be too small.
_MAX_CHARACTERS_PER_TOKEN = 5.0
#: Of shorter prompts nothing is said; and a server that counts next to nothing leaves out what it had in its cache.
_MIN_SENT, _MIN_READ = 2_000, 100
#: A reply of our schema takes about 400.
MIN_COMPLETION_TOKENS = 600
#: What a chat template adds to the messages.
_TEMPLATE_TOKENS = 32
#: An excerpt that is shorter than this says too little about a conversation.
_MIN_EXCERPT_CHARACTERS = 400
_MAX_CUTS = 8

CorrectableFailure = UnusableReply | ReplyCutOff | TranscriptTooLong | NoJson


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to the model: its messages, and the maximum tokens of the reply, including reasoning."""

    turns: Sequence[Turn]
    excerpt: Excerpt
    messages: Sequence[ChatCompletionMessageParam]
    max_completion_tokens: int
    #: The failures of earlier requests. Each kind is corrected once, but a request that is too large several times.
    corrected: tuple[type[CorrectableFailure], ...] = ()
    #: Whether an earlier reply had no content. A second one ends the corrections: each is paid for.
    had_empty_reply: bool = False
    response_format: ResponseFormatJSONSchema = field(default_factory=lambda: prompt.RESPONSE_FORMAT)
    #: Of other instructions than those for an analysis; empty: the analyzer's.
    prompt_version: str = ""

    @classmethod
    def first(
        cls,
        turns: Sequence[Turn],
        *,
        max_characters: int,
        max_completion_tokens: int,
        limits: TokenLimits = NO_LIMITS,
    ) -> ChatRequest:
        """The first request for a conversation, within the limits that the server has stated before."""
        excerpt = create_excerpt(turns, max_characters)
        first = cls(turns, excerpt, prompt.conversation_messages(excerpt.lines), max_completion_tokens)
        return first.fitted(limits)

    def fitted(self, limits: TokenLimits) -> ChatRequest:
        """The request, made smaller if it exceeds these limits by estimate."""
        if limits.completion is not None and limits.completion < self.max_completion_tokens:
            if ReplyCutOff in self.corrected:
                raise ReplyCutOff  # with fewer tokens it would be cut off again
            return replace(self, max_completion_tokens=limits.completion).fitted(limits)
        if limits.context is None or self._estimated_tokens + self.max_completion_tokens <= limits.context:
            return self
        return self._within(limits) or self

    def corrected_for(self, failure: CorrectableFailure) -> ChatRequest:
        """The next request: a repair, twice the tokens, the same again, or a smaller one.

        Raises ``failure`` if its kind was corrected before, if a smaller request would say too little, or if it is the
        second reply without content.
        """
        is_empty = isinstance(failure, UnusableReply | ReplyCutOff) and failure.is_empty
        repeated = type(failure) in self.corrected and not isinstance(failure, TranscriptTooLong)
        if repeated or (is_empty and self.had_empty_reply):
            raise failure
        corrected = replace(
            self, corrected=(*self.corrected, type(failure)), had_empty_reply=self.had_empty_reply or is_empty
        )
        match failure:
            case UnusableReply():
                messages = prompt.repair_messages(self.messages, failure.content, failure.problems)
                return replace(corrected, messages=messages)
            case ReplyCutOff():
                return replace(corrected, max_completion_tokens=2 * self.max_completion_tokens)
            case NoJson():
                return corrected
            case TranscriptTooLong():
                if ReplyCutOff in self.corrected:
                    raise ReplyCutOff  # twice the tokens are more than the server allows
                if failure.of_bytes:
                    smaller = corrected._cut_to(self.excerpt.characters // 2, self.max_completion_tokens)
                else:
                    smaller = corrected._within(failure.limits)
                if smaller is None or self.corrected.count(TranscriptTooLong) >= _MAX_CUTS:
                    raise failure
                return smaller

    def _within(self, limits: TokenLimits) -> ChatRequest | None:
        """A smaller request; None if there is none that says enough.

        It asks for fewer completion tokens first, and cuts the conversation only if too few are left for a reply.
        """
        most = self.max_completion_tokens
        if limits.completion is not None and limits.completion < most:
            return replace(self, max_completion_tokens=limits.completion)
        if limits.context is None:
            if most > 2 * MIN_COMPLETION_TOKENS:
                return replace(self, max_completion_tokens=2 * MIN_COMPLETION_TOKENS)
            return self._cut_to(self.excerpt.characters // 2, most)
        sent = limits.prompt if limits.prompt and limits.prompt < 2 * self._estimated_tokens else self._estimated_tokens
        room = limits.context - sent - _TEMPLATE_TOKENS
        if MIN_COMPLETION_TOKENS <= room < most:
            return replace(self, max_completion_tokens=room)
        completion = min(most, max(MIN_COMPLETION_TOKENS, limits.context // 4))
        characters = self.excerpt.characters
        instructions = max(0, sent - int(characters / _CHARACTERS_PER_TOKEN))
        share = (limits.context - completion - _TEMPLATE_TOKENS - instructions) / max(1, sent - instructions)
        return self._cut_to(int(characters * min(0.9 * share, 0.7)), completion)

    def _cut_to(self, characters: int, max_completion_tokens: int) -> ChatRequest | None:
        if characters < _MIN_EXCERPT_CHARACTERS:
            return None
        excerpt = create_excerpt(self.turns, characters)
        messages = prompt.conversation_messages(excerpt.lines)
        return replace(self, excerpt=excerpt, messages=messages, max_completion_tokens=max_completion_tokens)

    @property
    def min_prompt_tokens(self) -> int:
        """A lower bound of the prompt's tokens."""
        return int(sum(len(str(message.get("content"))) for message in self.messages) / _MAX_CHARACTERS_PER_TOKEN)

    def was_read_in_part(self, prompt_tokens: int | None) -> bool:
        """Whether a server that counted ``prompt_tokens`` has read far fewer than the prompt has.

        Ollama drops the beginning of a prompt that exceeds its context, and does not say so.
        """
        sent = self.min_prompt_tokens
        return sent > _MIN_SENT and prompt_tokens is not None and _MIN_READ < prompt_tokens < sent / 2

    @property
    def _estimated_tokens(self) -> int:
        return ceil(len(json.dumps(self.messages, ensure_ascii=False)) / _CHARACTERS_PER_TOKEN) + _TEMPLATE_TOKENS

    def body(self, model: str, form: RequestForm) -> dict[str, Any]:
        """The JSON of the request for ``model``, in a form that the server accepts."""
        # No optional parameter, because a server may refuse one that it does not know.
        body: dict[str, Any] = {"model": model, "messages": prompt.in_role(self.messages, form.instructions_role)}
        if form.reply_limit != "none":
            body[form.reply_limit] = self.max_completion_tokens
        if form.response_format == "json_schema":
            body["response_format"] = self.response_format
        elif form.response_format == "json_object":
            body["response_format"] = {"type": "json_object"}
        return body

    def encoded(self, model: str, form: RequestForm) -> bytes:
        """``body`` as JSON in UTF-8."""
        return msgspec.json.encode(self.body(model, form))

    @property
    def max_prompt_tokens(self) -> int:
        """An upper bound of the prompt's tokens, for budgets and token rate limits."""
        sent = msgspec.json.encode([*self.messages, self.response_format])
        return ceil(len(sent) / _MIN_BYTES_PER_TOKEN)

    @property
    def notes(self) -> dict[str, str | int]:
        """Counts for the notes of the analysis; those that are 0 are left out."""
        counts = {
            "messages_omitted": self.excerpt.omitted,
            "messages_shortened": self.excerpt.shortened,
            "calls_wasted": len(self.corrected),
            "injection_cues": injection_cues(self.turns),
        }
        return {name: count for name, count in counts.items() if count}

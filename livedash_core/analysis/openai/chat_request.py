"""Build the request for the model, and its corrections after a failure; pure except for the random fence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.errors import TranscriptTooLong
from livedash_core.analysis.openai.excerpt import Excerpt, create_excerpt
from livedash_core.analysis.openai.injection import injection_cues
from livedash_core.analysis.openai.reply import ReplyCutOff, UnusableReply

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

#: Measured with OpenAI's o200k: Dutch 4.1, German 4.0, English 4.6 characters, identifiers and markup 2.5 to 3.
_MIN_BYTES_PER_TOKEN = 2.5

CorrectableFailure = UnusableReply | ReplyCutOff | TranscriptTooLong


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """One request to the model: its messages, and the maximum tokens of the reply, including reasoning."""

    turns: Sequence[Turn]
    excerpt: Excerpt
    messages: Sequence[ChatCompletionMessageParam]
    max_completion_tokens: int
    #: The failures of earlier requests; each kind is corrected once, so that there are four requests at most.
    corrected: tuple[type[CorrectableFailure], ...] = ()
    #: Whether an earlier reply had no content. A second one ends the corrections: each is paid for.
    had_empty_reply: bool = False

    @classmethod
    def first(cls, turns: Sequence[Turn], *, max_characters: int, max_completion_tokens: int) -> ChatRequest:
        """The first request for a conversation."""
        excerpt = create_excerpt(turns, max_characters)
        return cls(turns, excerpt, prompt.conversation_messages(excerpt.lines), max_completion_tokens)

    def corrected_for(self, failure: CorrectableFailure) -> ChatRequest:
        """The next request: a repair, twice the tokens, or half the transcript.

        Raises ``failure`` if its kind was corrected before, or if it is the second reply without content.
        """
        # Half of a transcript that is shorter than the instructions would hardly be a shorter request.
        too_short = isinstance(failure, TranscriptTooLong) and self.excerpt.characters < len(prompt.INSTRUCTIONS)
        is_empty = not isinstance(failure, TranscriptTooLong) and failure.is_empty
        if type(failure) in self.corrected or too_short or (is_empty and self.had_empty_reply):
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
            case TranscriptTooLong():
                excerpt = create_excerpt(self.turns, self.excerpt.characters // 2)
                return replace(corrected, excerpt=excerpt, messages=prompt.conversation_messages(excerpt.lines))

    @property
    def max_prompt_tokens(self) -> int:
        """An upper bound of the prompt's tokens, for budgets and token rate limits."""
        sent = json.dumps([*self.messages, prompt.RESPONSE_FORMAT], ensure_ascii=False)
        return ceil(len(sent.encode()) / _MIN_BYTES_PER_TOKEN)

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

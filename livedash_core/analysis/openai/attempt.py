"""What is asked of the model, first and after a failure that a second try may mend; pure but for the random fence."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import TYPE_CHECKING

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.errors import TranscriptTooLong
from livedash_core.analysis.openai.excerpt import Excerpt, excerpt
from livedash_core.analysis.openai.injection import injection_cues
from livedash_core.analysis.openai.reply import ReplyCutOff, UnusableReply

if TYPE_CHECKING:
    from openai.types.chat import ChatCompletionMessageParam

#: Measured with OpenAI's o200k: Dutch 4.1, German 4.0, English 4.6 characters, identifiers and markup 2.5 to 3.
_FEWEST_BYTES_PER_TOKEN = 2.5

Mendable = UnusableReply | ReplyCutOff | TranscriptTooLong


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to the model: its messages, and how many tokens it may answer with, reasoning included."""

    turns: Sequence[Turn]
    shown: Excerpt
    messages: Sequence[ChatCompletionMessageParam]
    max_completion_tokens: int
    #: The failures that led here; each kind is mended once, so that four attempts are the most.
    mended: tuple[type[Mendable], ...] = ()

    @classmethod
    def first(cls, turns: Sequence[Turn], *, max_characters: int, max_completion_tokens: int) -> Attempt:
        """The plain one."""
        shown = excerpt(turns, max_characters)
        return cls(turns, shown, prompt.messages_for(shown.lines), max_completion_tokens)

    def after(self, failure: Mendable) -> Attempt:
        """The next one: a repair, twice the tokens, or half the transcript. Raises ``failure`` when that was tried."""
        # Of a transcript shorter than the instructions, half would not be what makes the difference.
        hopeless = isinstance(failure, TranscriptTooLong) and self.shown.characters < len(prompt.INSTRUCTIONS)
        if type(failure) in self.mended or hopeless:
            raise failure
        following = replace(self, mended=(*self.mended, type(failure)))
        match failure:
            case UnusableReply():
                return replace(following, messages=prompt.repair_of(self.messages, failure.content, failure.problems))
            case ReplyCutOff():
                return replace(following, max_completion_tokens=2 * self.max_completion_tokens)
            case TranscriptTooLong():
                shown = excerpt(self.turns, self.shown.characters // 2)
                return replace(following, shown=shown, messages=prompt.messages_for(shown.lines))

    @property
    def max_prompt_tokens(self) -> int:
        """More than a tokenizer would count: a budget sets it aside, and a limit on tokens is measured with it."""
        sent = json.dumps([*self.messages, prompt.RESPONSE_FORMAT], ensure_ascii=False)
        return ceil(len(sent.encode()) / _FEWEST_BYTES_PER_TOKEN)

    @property
    def notes(self) -> dict[str, str | int]:
        """What the analysis does not rest on, and what it took: only what is out of the ordinary."""
        found = {
            "messages_omitted": self.shown.omitted,
            "messages_shortened": self.shown.shortened,
            "calls_wasted": len(self.mended),
            "injection_cues": injection_cues(self.turns),
        }
        return {name: count for name, count in found.items() if count}

"""Read what a model said from a choice of a completion, wherever the server put it; pure.

The places are those of OpenAI's API (content, refusal, tool calls, ``function_call``), of Mistral's (content as parts,
of which some are thoughts), and the fields for reasoning of DeepSeek and vLLM (``reasoning_content``), OpenRouter
(``reasoning``, ``reasoning_details``) and Ollama (``thinking``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from livedash_core.parsing.text import clean

_CUT_OFF = ("length", "max_tokens", "model_length", "max_output_tokens")
_REFUSED = ("content_filter", "refusal", "safety", "prohibited_content", "blocklist", "recitation", "spii")
_REASONING_PARTS = ("thinking", "reasoning", "redacted_thinking", "thought")


@dataclass(frozen=True, slots=True)
class ModelReply:
    """The texts of a reply. ``arguments`` are those of tool calls; ``reasoning`` is what the server set apart."""

    content: str = ""
    arguments: tuple[str, ...] = ()
    reasoning: str = ""
    is_refusal: bool = False
    is_cut_off: bool = False
    is_filtered: bool = False

    @property
    def says_something(self) -> bool:
        """Whether there is a text in any of the places."""
        return bool(self.content.strip() or any(self.arguments) or self.reasoning.strip() or self.is_refusal)

    @classmethod
    def of_choice(cls, choice: Mapping[str, Any]) -> ModelReply:
        """The reply in ``choice``; what has an unexpected type is left out."""
        message: Any = choice.get("message") or choice.get("delta")
        if not isinstance(message, Mapping):
            # A server of the older completions API has a text instead of a message.
            message = {"content": message if isinstance(message, str) else choice.get("text")}
        reason = choice.get("finish_reason")
        # Gemini adds its own word: "content_filter: PROHIBITED_CONTENT".
        folded = reason.casefold().partition(":")[0].strip() if isinstance(reason, str) else ""
        content, thoughts = _content(message.get("content"))
        if not content and isinstance(message.get("parsed"), Mapping):
            content = _dumped(message["parsed"])
        return cls(
            content=content,
            arguments=tuple(_arguments(message)),
            reasoning=thoughts or _reasoning(message),
            is_refusal=bool(_text(message.get("refusal")).strip()),
            is_cut_off=folded in _CUT_OFF,
            is_filtered=folded in _REFUSED,
        )


def _reasoning(message: Mapping[str, Any]) -> str:
    for key in ("reasoning_content", "reasoning", "thinking", "reasoning_details"):
        value = message.get(key)
        text = "".join(_content(value)) if isinstance(value, list) else _text(value)
        if text:
            return text
    return ""


def _content(value: Any) -> tuple[str, str]:
    """The text of ``content``, and the thoughts in it."""
    if isinstance(value, Mapping):
        value = [value] if _part_text(value) is not None else [_dumped(value)]
    if not isinstance(value, list):
        return _text(value), ""
    texts, thoughts = [], []
    for part in value:
        if isinstance(part, Mapping) and part.get("type") in _REASONING_PARTS:
            thoughts.append(_content(part.get("thinking") or part.get("reasoning") or part.get("text"))[0])
        elif isinstance(part, Mapping):
            texts.append(_part_text(part) or "")
        else:
            texts.append(_text(part))
    return "".join(texts), "".join(thoughts)


def _part_text(part: Mapping[str, Any]) -> str | None:
    """The text of a part of the content, or None if it has none."""
    text = part.get("text")
    if isinstance(text, Mapping):
        text = text.get("value")
    if isinstance(text, str):
        return clean(text)
    parsed = next((part[key] for key in ("json", "input") if isinstance(part.get(key), Mapping)), None)
    return None if parsed is None else _dumped(parsed)


def _arguments(message: Mapping[str, Any]) -> list[str]:
    calls = message.get("tool_calls")
    listed = [call for call in calls if isinstance(call, Mapping)] if isinstance(calls, list) else []
    functions = [*(call.get("function", call) for call in listed), message.get("function_call")]
    found = [function.get("arguments") for function in functions if isinstance(function, Mapping)]
    return [_dumped(each) if isinstance(each, Mapping) else _text(each) for each in found if each]


def _text(value: Any) -> str:
    return clean(value) if isinstance(value, str) else ""


def _dumped(value: Any) -> str:
    return clean(json.dumps(value, ensure_ascii=False))

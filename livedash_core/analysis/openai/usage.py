"""Read the token counts of a response, whatever a server calls them and wherever it counts reasoning; pure.

The ledger's counts follow OpenAI's: cached tokens are part of the prompt, reasoning is part of the completion. xAI and
Gemini report reasoning outside ``completion_tokens`` and include it in ``total_tokens`` only; Anthropic's counts have
the cached tokens outside the prompt. Both are billed. Counts that are all 0 are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from livedash_core.costs.ledger import Usage
from livedash_core.parsing.values import MAX_INTEGER

_PROMPT = ("prompt_tokens", "input_tokens", "prompt_eval_count", "promptTokenCount")
_COMPLETION = ("completion_tokens", "output_tokens", "eval_count", "candidatesTokenCount")
_TOTAL = ("total_tokens", "totalTokenCount")
_PROMPT_DETAILS = ("prompt_tokens_details", "input_tokens_details")
_COMPLETION_DETAILS = ("completion_tokens_details", "output_tokens_details")
#: In the details of the prompt, or beside it (Moonshot, DeepSeek, Anthropic).
_CACHED = ("cached_tokens", "prompt_cache_hit_tokens", "cache_read_input_tokens", "cache_read_tokens")
_WRITTEN = ("cache_write_tokens", "cache_creation_tokens", "cache_creation_input_tokens")
_REASONING = ("reasoning_tokens", "thinking_tokens", "thoughtsTokenCount")


def find_usage(body: Mapping[str, Any]) -> Any:
    """What ``body`` reports about its tokens: in ``usage``, or where Groq, Moonshot, Gemini and Ollama have it."""
    choices = body.get("choices")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], Mapping) else {}
    groq = body.get("x_groq")
    places = (
        body.get("usage"),
        groq.get("usage") if isinstance(groq, Mapping) else None,
        first.get("usage"),
        body.get("usageMetadata"),
    )
    return next((place for place in places if isinstance(place, Mapping)), body if "eval_count" in body else None)


def read_usage(reported: Any) -> Usage:
    """The token counts in ``reported``; None where there is none or an invalid one."""
    if not isinstance(reported, Mapping):
        return Usage()
    prompt, completion, total = (_count(reported, names) for names in (_PROMPT, _COMPLETION, _TOTAL))
    in_prompt, in_completion = (_details(reported, names) for names in (_PROMPT_DETAILS, _COMPLETION_DETAILS))
    cached, written = (_first(_count(in_prompt, names), _count(reported, names)) for names in (_CACHED, _WRITTEN))
    reasoning = _first(_count(in_completion, _REASONING), _count(reported, _REASONING))
    if not any((prompt, completion, total)):
        return Usage()
    if prompt is not None and (cached or 0) + (written or 0) > prompt and "cache_read_input_tokens" in reported:
        prompt = _fitting(prompt + (cached or 0) + (written or 0))
    if prompt is not None:
        completion = _with_reasoning(completion, reasoning, None if total is None else total - prompt)
    elif completion is not None and total is not None and total >= completion:
        prompt = total - completion
    return Usage(prompt, cached, written, completion, reasoning)


def _with_reasoning(completion: int | None, reasoning: int | None, rest: int | None) -> int | None:
    """The completion tokens including reasoning; ``rest`` is the total without the prompt."""
    if completion is None:
        return rest if rest is not None and rest >= 0 else None
    outside = (rest or 0) - completion
    if reasoning:
        # A total that the reasoning does not explain is not trusted. More reasoning than completion is outside of it.
        is_outside = outside >= reasoning or (rest is None and reasoning > completion)
        return _fitting(completion + reasoning) if is_outside else completion
    return completion + outside if outside > 0 else completion


def _details(reported: Mapping[str, Any], names: tuple[str, ...]) -> Mapping[str, Any]:
    return next((reported[name] for name in names if isinstance(reported.get(name), Mapping)), {})


def _count(reported: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    return next((count for name in names if (count := _tokens(reported.get(name))) is not None), None)


def _tokens(value: Any) -> int | None:
    """A count as a number, or as a number in a string."""
    if isinstance(value, str) and re.fullmatch(r"\d{1,10}", value, re.ASCII):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_INTEGER:
        return None
    return value


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def _fitting(count: int) -> int:
    return min(count, MAX_INTEGER)

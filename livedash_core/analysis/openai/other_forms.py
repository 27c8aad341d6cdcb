"""Find the reply in a response that has the form of another API; pure.

Gateways that translate between APIs pass some responses on as they are: Ollama's own API, Anthropic's Messages,
OpenAI's Responses, Gemini's generateContent, Hugging Face's text generation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def choices_of(body: Mapping[str, Any]) -> list[Any] | None:
    """The choices of a completion, or what takes their place in another form; None if there are none."""
    choices = body.get("choices")
    if isinstance(choices, Mapping):
        return [choices] if "message" in choices else list(choices.values())
    if choices is not None:
        return choices if isinstance(choices, list) else None
    reason = body.get("done_reason") or body.get("stop_reason")
    if isinstance(message := body.get("message"), Mapping) and "content" in message:
        return [{"message": message, "finish_reason": reason}]
    if isinstance(content := body.get("content"), list) and body.get("role") == "assistant":
        return [{"message": {"content": content}, "finish_reason": reason}]
    if isinstance(output := body.get("output"), list):
        return _of_responses(output, body)
    if isinstance(candidates := body.get("candidates"), list):
        return [_of_candidate(candidate) for candidate in candidates if isinstance(candidate, Mapping)]
    for key in ("output_text", "generated_text", "response", "output"):
        if isinstance(text := body.get(key), str) and text.strip():
            return [{"message": {"content": text}, "finish_reason": reason}]
    return None


def _of_responses(output: list[Any], body: Mapping[str, Any]) -> list[Any] | None:
    """OpenAI's Responses: a list of items, of which some are reasoning."""
    texts = [
        item["content"]
        for item in output
        if isinstance(item, Mapping) and item.get("type") == "message" and isinstance(item.get("content"), list)
    ]
    if not texts:
        return None
    details = body.get("incomplete_details")
    reason = details.get("reason") if isinstance(details, Mapping) else None
    return [{"message": {"content": [part for parts in texts for part in parts]}, "finish_reason": reason}]


def _of_candidate(candidate: Mapping[str, Any]) -> dict[str, Any]:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, Mapping) else None
    return {
        "message": {
            "content": [
                {**part, "type": "thought"} if isinstance(part, Mapping) and part.get("thought") is True else part
                for part in (parts if isinstance(parts, list) else ())
            ]
        },
        "finish_reason": candidate.get("finishReason"),
    }

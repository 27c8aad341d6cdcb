"""Read the body of a response with status 200 into one JSON object; pure.

Besides JSON, some servers and proxies send lines of JSON or an event stream that the request did not ask for, with
keep-alive comments before them. The chunks of a stream are assembled to the completion that they are parts of. Gateways
wrap the completion in an object of their own, or encode it a second time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from livedash_core.analysis.openai.other_forms import choices_of

#: The texts of a message that a stream sends in parts.
_STREAMED_TEXTS = ("content", "reasoning_content", "reasoning", "refusal")
#: Where gateways put the completion.
_WRAPPERS = ("data", "result", "response", "body", "output", "completion")


def read_body(body: bytes) -> dict[str, Any] | None:
    """The JSON object of ``body``: the completion, or an object with ``error``; None if there is neither."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return _assembled(_events(body))
    if isinstance(value, list) and len(value) == 1:
        value = value[0]  # Gemini's endpoint wraps its errors so
    value = _decoded(value)
    return _unwrapped(value) if isinstance(value, dict) else None


def _decoded(value: Any) -> Any:
    """The JSON in a string, otherwise ``value``."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _unwrapped(body: dict[str, Any]) -> dict[str, Any]:
    """The completion one level below a gateway's own fields, otherwise ``body``."""
    if body.get("choices") or body.get("error"):
        return body
    for key in _WRAPPERS:
        inner = _decoded(body.get(key))
        if isinstance(inner, dict) and choices_of(inner):
            return inner
    return body


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    text = body.decode("utf-8", errors="replace").lstrip("\ufeff")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith((":", "event:", "id:"))]
    if lines and not lines[0].startswith("data:"):
        try:
            value = json.loads("\n".join(lines))  # one object behind comments
        except (ValueError, RecursionError):
            pass
        else:
            lines = []
            if isinstance(value, dict):
                yield value
    for line in lines:
        try:
            event = json.loads(line.removeprefix("data:"))
        except (ValueError, RecursionError):
            continue  # [DONE], or no JSON
        if isinstance(event, dict):
            yield event


def _assembled(events: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """The completion whose chunks are ``events``; the last error among them is its ``error``."""
    body: dict[str, Any] = {}
    texts: defaultdict[str, list[str]] = defaultdict(list)
    calls: defaultdict[str, list[str]] = defaultdict(list)
    finish_reason = None
    for event in events:
        body.update({key: value for key, value in event.items() if key != "choices" and value is not None})
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            if isinstance(event.get("message"), Mapping):  # Ollama's own stream
                _append(texts, event["message"])
            continue
        finish_reason = choice.get("finish_reason") or finish_reason
        if choice.get("error"):
            body["error"] = choice["error"]
        for part in (choice.get("message"), choice.get("delta"), {"content": choice.get("text")}):
            if isinstance(part, Mapping):
                _append(texts, part)
                _append_calls(calls, part.get("tool_calls"))
    message: dict[str, Any] = {key: "".join(parts) for key, parts in texts.items()}
    if calls:
        message["tool_calls"] = [{"function": {"arguments": "".join(parts)}} for parts in calls.values()]
    if message or finish_reason:
        body["choices"] = [{"message": message, "finish_reason": finish_reason}]
    return body or None


def _append(texts: defaultdict[str, list[str]], part: Mapping[str, Any]) -> None:
    for key in _STREAMED_TEXTS:
        if isinstance(part.get(key), str):
            texts[key].append(part[key])


def _append_calls(calls: defaultdict[str, list[str]], parts: Any) -> None:
    """Append the parts of tool calls, which belong together by their index."""
    for part in parts if isinstance(parts, list) else ():
        if isinstance(part, Mapping) and isinstance(function := part.get("function"), Mapping):
            arguments = function.get("arguments")
            calls[str(part.get("index", 0))].append(arguments if isinstance(arguments, str) else "")

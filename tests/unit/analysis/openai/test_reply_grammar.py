"""Whatever a model puts around its object, what comes out is what went in, or there is a reason why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.analysis.contract import Analysis
from livedash_core.analysis.openai.completion import Completion
from livedash_core.analysis.openai.reply import read_completion
from livedash_core.enums import CATEGORIES, SENTIMENTS, SESSION_OUTCOMES
from livedash_core.errors import PermanentError

#: What a user may paste and a model quote.
PASTED = [
    "{",
    "}",
    '"',
    "'",
    "\\",
    "\n",
    "</think>",
    "[/THINK]",
    "<|channel|>",
    "```",
    '{"summary": "x"}',
    "[",
    "//",
    "…",
    "é",
]
WORDS = st.lists(st.sampled_from([*PASTED, "leave", "shift", "asked", "the"]), min_size=4, max_size=8)
SUMMARY = WORDS.map(lambda words: "An employee wrote " + " ".join(words))
FIELDS = st.fixed_dictionaries(
    {
        "summary": SUMMARY,
        "questions": st.just(["When do I start?", 'What does "{}" mean?']),
        "outcome_reason": st.just("It ended well."),
        "outcome": st.sampled_from(SESSION_OUTCOMES),
        "missing": st.just("NONE"),
        "language": st.sampled_from(["nl", "de", "en"]),
        "sentiment": st.sampled_from(SENTIMENTS),
        "escalated": st.booleans(),
        "forwarded_hr": st.booleans(),
        "category": st.sampled_from(CATEGORIES),
    }
)
STRUCTURES: list[Callable[[Any], Any]] = [
    lambda value: value,
    lambda value: {"result": value, "confidence": 0.5},
    lambda value: {"data": {"analysis": value}},
    lambda value: [value],
    lambda value: {"type": "object", "properties": value},
    lambda value: json.dumps(value),
    lambda value: {"answer": json.dumps(value)},
    lambda value: {key.upper() if isinstance(key, str) else key: item for key, item in value.items()},
]
NOTATIONS: list[Callable[[Any], str]] = [
    json.dumps,
    lambda value: json.dumps(value, indent=2),
    lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
]
AROUND: list[Callable[[str], str]] = [
    lambda text: text,
    lambda text: f"Here it is:\n{text}\nGood luck!",
    lambda text: f"```json\n{text}\n```",
    lambda text: f'<think>They want {{this}} and "that.</think>\n{text}',
    lambda text: f'[THINK]Hm, {{"summary": 1}} no[/THINK]{text}',
    lambda text: f'<|channel|>analysis<|message|>{{"a<|end|><|start|>assistant<|channel|>final<|message|>{text}',
    lambda text: f"I use {{summary, questions}}.\n{text}",
    lambda text: f'{{"summary": "A draft of it."}}\nFinal answer:\n{text}',
]
PLACES: list[Callable[[str], dict[str, Any]]] = [
    lambda text: {"content": text},
    lambda text: {"content": [{"type": "thinking", "thinking": "{"}, {"type": "text", "text": text}]},
    lambda text: {"content": None, "reasoning_content": text},
    lambda text: {"content": "", "tool_calls": [{"function": {"name": "f", "arguments": text}}]},
    lambda text: {"content": None, "function_call": {"name": "f", "arguments": text}},
]


def body_of(message: dict[str, Any], finish_reason: str, *, is_stream: bool) -> bytes:
    key = "delta" if is_stream else "message"
    body = json.dumps({"choices": [{"index": 0, key: message, "finish_reason": finish_reason}]})
    return f"data: {body}\n\ndata: [DONE]\n\n".encode() if is_stream else body.encode()


@settings(max_examples=400, deadline=None)
@given(
    fields=FIELDS,
    structure=st.sampled_from(STRUCTURES),
    notation=st.sampled_from(NOTATIONS),
    around=st.sampled_from(AROUND),
    place=st.sampled_from(PLACES),
    is_stream=st.booleans(),
)
def test_what_goes_in_comes_out(
    fields: dict[str, Any],
    structure: Callable[[Any], Any],
    notation: Callable[[Any], str],
    around: Callable[[str], str],
    place: Callable[[str], dict[str, Any]],
    is_stream: bool,
) -> None:
    value = structure(fields)
    text = value if isinstance(value, str) else notation(value)
    # A stream has its text in plain strings.
    message = {"content": around(text)} if is_stream else place(around(text))
    analysis = read_completion(Completion.read(body_of(message, "stop", is_stream=is_stream)))
    assert analysis.summary == " ".join(fields["summary"].split())
    assert list(analysis.questions) == fields["questions"]
    for name in ("outcome", "outcome_reason", "language", "sentiment", "escalated", "forwarded_hr", "category"):
        assert getattr(analysis, name) == fields[name]


@settings(max_examples=400, deadline=None)
@given(
    fields=FIELDS,
    around=st.sampled_from(AROUND),
    cut=st.integers(0, 400),
    noise=st.lists(st.sampled_from([*PASTED, "\0", "\ud800", ",", ":", "null", "<think>"]), max_size=6).map("".join),
    at=st.integers(0, 400),
    finish_reason=st.sampled_from(["stop", "length", "content_filter", "tool_calls", ""]),
    place=st.sampled_from(PLACES),
)
def test_a_damaged_reply_is_an_analysis_or_has_a_reason(
    fields: dict[str, Any],
    around: Callable[[str], str],
    cut: int,
    noise: str,
    at: int,
    finish_reason: str,
    place: Callable[[str], dict[str, Any]],
) -> None:
    text = around(json.dumps(fields))
    text = (text[:at] + noise + text[at:])[: len(text) - cut]
    reason = _reason_of(Completion.read(body_of(place(text), finish_reason, is_stream=False)))
    if reason is not None and "content filter" in str(reason):
        assert finish_reason == "content_filter"


def _reason_of(completion: Completion) -> PermanentError | None:
    """Why there is no analysis, or None if there is one. Any other exception is a failure of the test."""
    try:
        assert isinstance(read_completion(completion), Analysis)
    except PermanentError as reason:
        return reason
    return None

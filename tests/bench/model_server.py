"""A chat completions server that gives everyone the same analysis."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bench import instant_model_server

ANALYSIS = {
    "language": "en",
    "sentiment": "NEUTRAL",
    "escalated": False,
    "forwarded_hr": False,
    "category": "LEAVE_VACATION",
    "summary": "The employee asked how many days of leave are left this year and was told where to look.",
    "outcome_reason": "The chatbot said where the number of days is shown.",
    "outcome": "RESOLVED",
    "missing": "NONE",
    "questions": ["How many days of leave do I have left?", "Until when can I take them?"],
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "model": "bench-model",
    "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": json.dumps(ANALYSIS)}}
    ],
    "usage": {"prompt_tokens": 900, "completion_tokens": 120, "total_tokens": 1020},
}


@contextmanager
def answering(seconds: float) -> Iterator[str]:
    """Its base URL; it answers so long after a request has come."""
    with instant_model_server.answering("application/json", json.dumps(COMPLETION), seconds=seconds) as url:
        yield f"{url}/v1"

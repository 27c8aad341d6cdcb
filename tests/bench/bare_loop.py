"""The yardstick of the analysis: calls through the SDK's default client, and nothing else.

As a program, ``python -m tests.bench.bare_loop URL CALLS CONCURRENCY`` prints when its calls began and ended, in epoch
seconds.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.base_url import parse_base_url
from livedash_core.analysis.openai.chat_request import ChatRequest
from livedash_core.analysis.openai.client import make_client
from tests.bench.stages import MESSAGES

KEY, MODEL = "sk-bench", "bench-model"
TIMEOUT_SECONDS = 120.0
TOKENS = 4_096


async def bare_loop(url: str, sessions: int, concurrency: int) -> None:
    """As many calls as sessions, with the client and the request of the product, and nothing else."""
    turns = [Turn("Assistant" if number % 2 else "User", "x" * 80) for number in range(MESSAGES)]
    first = ChatRequest.first(turns, max_characters=200_000, max_completion_tokens=TOKENS)
    body: dict[str, Any] = {
        "messages": first.messages,
        "max_completion_tokens": TOKENS,
        "response_format": prompt.RESPONSE_FORMAT,
    }
    waiting = iter(range(sessions))

    async def lane() -> None:
        for _ in waiting:
            await client.chat.completions.with_raw_response.create(model=MODEL, messages=(), extra_body=body)

    async with make_client(KEY, parse_base_url(url), TIMEOUT_SECONDS) as client:
        await asyncio.gather(*(lane() for _ in range(concurrency)))


if __name__ == "__main__":
    began = time.time()
    asyncio.run(bare_loop(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
    print(began, time.time())

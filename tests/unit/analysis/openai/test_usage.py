"""The token counts of servers that count otherwise than OpenAI; the expected ones are those that are billed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from livedash_core.analysis.openai.completion import Completion
from livedash_core.costs.ledger import Usage


def usage(reported: Any, **body: Any) -> Usage:
    return Completion.read(json.dumps({"choices": [], "usage": reported, **body}).encode()).usage


@pytest.mark.parametrize(
    ("reported", "billed"),
    [
        # OpenAI: reasoning inside.
        (
            {"prompt_tokens": 10, "completion_tokens": 50, "total_tokens": 60}
            | {"completion_tokens_details": {"reasoning_tokens": 40}},
            Usage(10, None, None, 50, 40),
        ),
        # xAI: reasoning outside, in the total.
        (
            {"prompt_tokens": 100, "completion_tokens": 15, "total_tokens": 140}
            | {"prompt_tokens_details": {"cached_tokens": 64}, "completion_tokens_details": {"reasoning_tokens": 25}},
            Usage(100, 64, None, 40, 25),
        ),
        # Gemini: the same, without a count of reasoning.
        ({"prompt_tokens": 100, "completion_tokens": 15, "total_tokens": 140}, Usage(100, None, None, 40)),
        ({"prompt_tokens": 100, "total_tokens": 140}, Usage(100, None, None, 40)),
        ({"completion_tokens": 40, "total_tokens": 140}, Usage(100, None, None, 40)),
        # No total: more reasoning than completion cannot be inside of it.
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 30}},
            Usage(9, None, None, 35, 30),
        ),
        # A total that is too small, or that the reasoning does not explain.
        ({"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 3}, Usage(9, None, None, 5)),
        (
            {"prompt_tokens": 9, "completion_tokens": 50, "total_tokens": 70}
            | {"completion_tokens_details": {"reasoning_tokens": 40}},
            Usage(9, None, None, 50, 40),
        ),
        # DeepSeek, Moonshot, Anthropic.
        (
            {"prompt_tokens": 9, "completion_tokens": 5, "prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 3},
            Usage(9, 6, None, 5),
        ),
        ({"prompt_tokens": 9, "completion_tokens": 5, "cached_tokens": 6}, Usage(9, 6, None, 5)),
        (
            {"input_tokens": 9, "output_tokens": 5, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 30},
            Usage(99, 60, 30, 5),
        ),
        (
            {"input_tokens": 9, "output_tokens": 5, "input_tokens_details": {"cached_tokens": 4}}
            | {"output_tokens_details": {"reasoning_tokens": 2}},
            Usage(9, 4, None, 5, 2),
        ),
        ({"prompt_tokens": "9", "completion_tokens": 5.0}, Usage(9, None, None, 5)),
        ({"prompt_tokens": 9, "completion_tokens": None, "prompt_tokens_details": None}, Usage(9)),
        ({"prompt_tokens": True, "completion_tokens": -5, "total_tokens": "many"}, Usage()),
        ({"prompt_tokens": 2**31, "completion_tokens": 1.5}, Usage()),
        # A server that does not count.
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, Usage()),
        (None, Usage()),
        ("none", Usage()),
        ([7], Usage()),
    ],
)
def test_what_is_billed_is_counted_once(reported: Any, billed: Usage) -> None:
    assert usage(reported) == billed


def test_the_counts_are_found_outside_of_usage() -> None:
    counts, billed = {"prompt_tokens": 9, "completion_tokens": 5}, Usage(9, None, None, 5)
    assert usage(None, x_groq={"usage": counts}) == billed
    assert usage(None, choices=[{"usage": counts}]) == billed
    assert usage(None, prompt_eval_count=9, eval_count=5) == billed
    assert usage(None, usageMetadata={"promptTokenCount": 9, "candidatesTokenCount": 5}) == billed

"""Reduce a conversation to the excerpt that fits the budget of a request; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from livedash_core.analysis.contract import Turn
from livedash_core.parsing.text import clean

#: The messages that are kept first, in any role: the beginning and the end of the conversation.
_HEAD = 2
_TAIL = 4
#: A message may take at most one part in so many of the budget, so that head and tail always fit.
_BUDGET_PARTS = 8


@dataclass(frozen=True, slots=True)
class Excerpt:
    """JSON lines, ``{"role", "content"}`` or ``{"omitted_messages"}``, in the order of the conversation."""

    lines: tuple[str, ...]
    characters: int
    omitted: int
    shortened: int


def create_excerpt(turns: Sequence[Turn], max_characters: int) -> Excerpt:
    """Keep the head, the tail, the user's messages and the others, in this order, as long as they fit.

    The last two are taken from both ends inwards. The budget counts the characters of the JSON lines, without the
    markers of omitted messages.
    """
    longest = max_characters // _BUDGET_PARTS
    contents = [clean(turn.content) for turn in turns]
    # If the whole conversation fits, no message is shortened, however long it is.
    if sum(map(len, lines := _json_lines(turns, contents))) <= max_characters:
        return Excerpt(tuple(lines), sum(map(len, lines)), omitted=0, shortened=0)
    lines = _json_lines(turns, [_shortened(content, longest) for content in contents])

    kept: set[int] = set()
    room = max_characters
    for index in _by_importance(turns):
        if len(lines[index]) <= room:
            kept.add(index)
            room -= len(lines[index])
    return Excerpt(
        lines=tuple(_with_gaps(lines, kept)),
        characters=max_characters - room,
        omitted=len(lines) - len(kept),
        shortened=sum(len(contents[index]) > longest for index in kept),
    )


def _json_lines(turns: Sequence[Turn], contents: Sequence[str]) -> list[str]:
    return [
        json.dumps({"role": turn.role, "content": content}, ensure_ascii=False)
        for turn, content in zip(turns, contents, strict=True)
    ]


def _shortened(content: str, longest: int) -> str:
    if len(content) <= longest:
        return content
    half = longest // 2
    return f"{content[:half]} [...] {content[-half:]}"


def _by_importance(turns: Sequence[Turn]) -> Iterable[int]:
    count = len(turns)
    inwards = [index for pair in zip(range(count), reversed(range(count)), strict=True) for index in pair]
    return dict.fromkeys(
        [
            *range(min(_HEAD, count)),
            *range(max(count - _TAIL, 0), count),
            *(index for index in inwards if turns[index].role == "User"),
            *inwards,
        ]
    )


def _with_gaps(lines: Sequence[str], kept: set[int]) -> Iterable[str]:
    gap = 0
    for index, line in enumerate(lines):
        if index not in kept:
            gap += 1
            continue
        if gap:
            yield json.dumps({"omitted_messages": gap})
            gap = 0
        yield line
    if gap:
        yield json.dumps({"omitted_messages": gap})

"""What of a conversation is shown to the model when all of it is too much; pure."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from livedash_core.analysis.contract import Turn
from livedash_core.parsing.text import clean

#: The messages that are kept first, whoever wrote them: how it began, and how it ended.
_HEAD = 2
_TAIL = 4
#: No message may take more than this part of the budget, so that head and tail always fit in it.
_LARGEST_SHARE = 8


@dataclass(frozen=True, slots=True)
class Excerpt:
    """JSON lines, ``{"role", "content"}`` or ``{"omitted_messages"}``, in the order of the conversation."""

    lines: tuple[str, ...]
    characters: int
    omitted: int
    shortened: int


def excerpt(turns: Sequence[Turn], max_characters: int) -> Excerpt:
    """Head, tail, then the user's messages, then the others, the latter two from both ends inwards, while they fit.

    The budget counts the characters of the JSON lines; the markers of omitted messages come on top.
    """
    longest = max_characters // _LARGEST_SHARE
    contents = [clean(turn.content) for turn in turns]
    # A budget that holds everything leaves even the longest message alone.
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

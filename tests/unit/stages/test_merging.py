"""Shares that are merged side by side: what comes of them, and how they end."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from livedash_core.stages.csv_import.merge import MergedChunk, merge_in_parallel

CHUNK = MergedChunk(1, 1, 0)


def share(chunks: int, threads: set[int]) -> Iterator[MergedChunk]:
    for _ in range(chunks):
        threads.add(threading.get_ident())
        yield CHUNK


def test_every_chunk_of_every_share_is_taken_by_the_one_who_asked() -> None:
    merged, takers, mergers = [], set(), set()

    def take(chunk: MergedChunk) -> None:
        merged.append(chunk)
        takers.add(threading.get_ident())

    merge_in_parallel([share(5, mergers), share(0, mergers), share(3, mergers)], take, lambda: False)

    assert merged == [CHUNK] * 8
    assert takers == {threading.get_ident()}
    assert not takers & mergers


def test_shares_are_merged_at_the_same_time() -> None:
    """Each waits for the other: one after the other, neither would come to its end."""
    meeting = threading.Barrier(2, timeout=30)

    def meets() -> Iterator[MergedChunk]:
        meeting.wait()
        yield CHUNK

    merge_in_parallel([meets(), meets()], lambda chunk: None, lambda: False)


@pytest.mark.parametrize("how", ["stopped", "broken", "interrupted"])
def test_once_it_ends_no_share_is_being_merged(how: str) -> None:
    goes_on, has_ended = threading.Event(), []

    def slow() -> Iterator[MergedChunk]:
        goes_on.wait(30)
        has_ended.append(True)
        yield CHUNK
        raise AssertionError("a chunk was begun after the end")

    def first() -> Iterator[MergedChunk]:
        if how == "broken":
            goes_on.set()
            raise ValueError("a chunk that cannot be merged")
        yield CHUNK
        raise AssertionError("a chunk was begun after the end")

    def take(chunk: MergedChunk) -> None:
        goes_on.set()
        if how == "interrupted":
            raise KeyboardInterrupt

    if how == "stopped":
        merge_in_parallel([slow(), first()], take, lambda: True)
    else:
        with pytest.raises(ValueError if how == "broken" else KeyboardInterrupt):
            merge_in_parallel([slow(), first()], take, lambda: False)

    assert has_ended == [True]

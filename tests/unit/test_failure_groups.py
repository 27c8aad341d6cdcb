"""Messages that differ in ids, addresses and numbers are one group; those that say something else are not."""

from __future__ import annotations

import pytest

from livedash_core.status.grouping import MAX_CHARACTERS, failure_group


@pytest.mark.parametrize(
    ("message", "group"),
    [
        ("https://a.example/x/LV-0017.txt does not exist there (404)", "<url> does not exist there (<number>)"),
        ("http://b.example/y.txt does not exist there (410)", "<url> does not exist there (<number>)"),
        ("session 0198c0de-1111-7222-8333-444455556666 is odd", "session <id> is odd"),
        ("request req_9f8e7d timed out after 12.5 s", "request <id> timed out after <number> s"),
        ("start_time: 31.02.2026 10:00:00 is not a date", "start_time: <number> <number> is not a date"),
        ("two\n  lines", "two lines"),
        ("nothing to fold", "nothing to fold"),
        ("", ""),
    ],
)
def test_what_differs_from_session_to_session_is_folded(message: str, group: str) -> None:
    assert failure_group(message) == group


def test_a_group_is_short_and_hostile_text_is_folded_in_no_time() -> None:
    assert len(failure_group("word " * 1000)) == MAX_CHARACTERS
    assert failure_group("1" * 2000) == "<number>"
    assert failure_group("a1-" * 700).startswith("<id>")

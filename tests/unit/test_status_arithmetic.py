"""Backoff, redaction, scope: the parts of the status room that need no database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livedash_core.errors import UsageError
from livedash_core.status import Scope
from livedash_core.status.backoff import delays
from livedash_core.status.redaction import MAX_CHARACTERS, redact


@given(st.integers(1, 100))
def test_backoff_grows_and_is_clamped(attempts: int):
    waits = delays(attempts)

    assert len(waits) == attempts
    assert waits == sorted(waits)
    assert waits[0] == 17
    assert max(waits) <= 3600


@pytest.mark.parametrize(
    ("message", "secret"),
    [
        ("GET https://user:hunter2@host/path failed", "hunter2"),
        ("Authorization: Basic dXNlcjpodW50ZXIy was refused", "dXNlcjpodW50ZXIy"),
        ("authorization=Bearer abcdefghijklmnop", "abcdefghijklmnop"),
        ("Incorrect API key provided: sk-proj-1234567890abcdef", "1234567890abcdef"),
        ("password=hunter2&user=me", "hunter2"),
        ("api_key: hunter2", "hunter2"),
    ],
)
def test_a_stored_message_carries_no_secret(message: str, secret: str):
    assert secret not in redact(message)


@given(st.text(max_size=3000))
def test_any_message_can_be_stored(message: str):
    shown = redact(message)

    assert 0 < len(shown) <= MAX_CHARACTERS
    assert "\x00" not in shown
    shown.encode("utf-8")


def test_ordinary_messages_stay_as_they_are():
    message = "https://host/transcripts/7.txt does not exist there (404); the token budget is fine"
    assert redact(message) == message


def test_a_scope_refuses_what_makes_no_sense():
    noon = datetime(2026, 3, 2, 12, tzinfo=UTC)
    with pytest.raises(UsageError, match="empty"):
        Scope(started_from=noon, started_before=noon)
    with pytest.raises(UsageError, match="no time zone"):
        Scope(started_from=datetime(2026, 3, 2, 12))
    with pytest.raises(UsageError, match="no error kind 'cosmic'"):
        Scope(error_kinds=("cosmic",))

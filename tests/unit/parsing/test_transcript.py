from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.enums import ROLES
from livedash_core.parsing.transcript import ParsedMessage, not_a_transcript, parse_transcript

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
START = datetime(2026, 1, 15, 9, 0, 0, tzinfo=UTC)
END = datetime(2026, 1, 15, 9, 10, 0, tzinfo=UTC)


def parse(text: str, *, started_at: datetime = START, ended_at: datetime = END) -> list[ParsedMessage]:
    return parse_transcript(text, started_at=started_at, ended_at=ended_at, zone=AMSTERDAM).messages


def said(text: str) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in parse(text)]


def minutes(text: str, **session: datetime) -> list[float]:
    """When each message was sent, in minutes since START."""
    return [(message.sent_at - START) / timedelta(minutes=1) for message in parse(text, **session)]


def test_a_conversation_with_times_is_read_in_the_companys_zone() -> None:
    text = "[15.01.2026 10:00:05] User: Hi\n[15.01.2026 10:00:09] Assistant: Hello!\n"
    assert parse(text) == [
        ParsedMessage("User", "Hi", START + timedelta(seconds=5)),
        ParsedMessage("Assistant", "Hello!", START + timedelta(seconds=9)),
    ]
    assert all(message.sent_at.tzinfo is UTC for message in parse(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("user: a\nASSISTANT: b\nsYsTeM: c", [("User", "a"), ("Assistant", "b"), ("System", "c")]),
        ("User: a\r\nmore\r\nAssistant: b\r\n", [("User", "a\nmore"), ("Assistant", "b")]),
        ("User: a\rAssistant: b\r", [("User", "a"), ("Assistant", "b")]),
        ("\ufeffUser: a", [("User", "a")]),
        ("User: a\n\n  indented\n\n\nAssistant: b", [("User", "a\n\n  indented"), ("Assistant", "b")]),
        ("User:\nbelow\nUser:glued", [("User", "below"), ("User", "glued")]),
        ("  User: a\n\t[15.01.2026 10:00:00]  User: b", [("User", "a"), ("User", "b")]),
        ("User: a\nUser: \nUser:\n \nAssistant: b", [("User", "a"), ("Assistant", "b")]),
        ("User: a\0b\ud800", [("User", "ab\ufffd")]),
    ],
    ids=["case", "crlf", "cr", "bom", "blank lines", "text below", "indented", "empty messages", "unstorable"],
)
def test_messages_are_told_apart(text: str, expected: list[tuple[str, str]]) -> None:
    assert said(text) == expected


@pytest.mark.parametrize(
    "line",
    [
        "Note: hello",
        "see http://x.example",
        "The User: field",
        "Users: many",
        "User",
        "U\u017fer: long s",
        "[yesterday] User: hi",
        "[15.01.2026 10:00:00]",
    ],
)
def test_a_line_without_one_of_the_roles_continues_the_message(line: str) -> None:
    assert said(f"Assistant: before\n{line}\nafter") == [("Assistant", f"before\n{line}\nafter")]


def test_marks_that_do_not_show_begin_no_line() -> None:
    text = (
        "\u200f[15.01.2026 10:00:00]\u200e \u202bUser\u200f: \u05e9\u05dc\u05d5\u05dd\u200f!\n\u2067\u00a0Assistant: b"
    )
    assert said(text) == [("User", "\u05e9\u05dc\u05d5\u05dd\u200f!"), ("Assistant", "b")]


@pytest.mark.parametrize(
    ("text", "notes"),
    [
        ("User: a\nAssistant: b", {}),
        ("[15.01.2026 10:05:00] User: a\n[15.01.2026 10:03:00] User: b", {"times_out_of_order": 1}),
        ("[31.02.2026 10:00:00] User: a", {"times_unreadable": 1}),
        ("User: a\n[sic] Note: b", {}),
    ],
)
def test_what_is_read_otherwise_than_written_is_counted(text: str, notes: dict[str, int]) -> None:
    assert parse_transcript(text, started_at=START, ended_at=END, zone=AMSTERDAM).notes == notes


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("<!DOCTYPE html><html><body>Sign in</body></html>", "HTML"),
        ("\ufeff\n <HTML>\nUser: hi\n</HTML>", "HTML"),
        ('<?xml version="1.0"?><chat/>', "HTML or XML"),
        ('{"error": {"code": 403, "text": "no"}}', "is JSON"),
        ('[\n  {"role": "User"}]', "is JSON"),
        ("[" * 100_000, "is JSON"),
        ("hi\nhello", "its first line is 'hi'"),
        ("Customer: hi\nBot: hello", None),
        ("User: hi", None),
        ('[15.01.2026 10:00:00] User: {"a": 1}', None),
        ("Chat of today\nUser: <html>", None),
        ("", None),
        ("\n[15.01.2026 10:00:00]\n", None),
    ],
)
def test_what_is_no_transcript_is_told(text: str, problem: str | None) -> None:
    found = not_a_transcript(text)
    assert found is None if problem is None else problem in str(found)


def test_text_before_the_first_role_is_seen_as_the_systems() -> None:
    assert said("\nChat of today\nNote: x\nUser: hi") == [("System", "Chat of today\nNote: x"), ("User", "hi")]
    assert said("no role at all") == [("System", "no role at all")]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \r\n\t\n",
        "\ufeff",
        "\0",
        "\n[15.01.2026 10:00:00]\n  [15.01.2026 10:00:01]\n",
        "[15.01.2026 10:00:00] User:",
    ],
)
def test_where_nobody_says_anything_there_is_no_message(text: str) -> None:
    assert parse(text) == []


def test_timestamps_above_the_first_message_are_no_message() -> None:
    assert said("[15.01.2026 10:00:00]\n[15.01.2026 10:00:01] User: hi") == [("User", "hi")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("User: a", [0]),
        ("User: a\nUser: b\nUser: c", [0, 5, 10]),
        ("[15.01.2026 10:02:00] User: a\n[x] User: b\nUser: c\n[15.01.2026 10:05:00] User: d", [2, 5]),
        (
            "[15.01.2026 10:02:00] User: a\n[99.01.2026 10:02:00] User: b\n[99.01.2026 10:02] User: c\n"
            "[15.01.2026 10:05:00] User: d",
            [2, 3, 4, 5],
        ),
        ("User: a\nUser: b\n[15.01.2026 10:04:00] User: c\nUser: d\nUser: e", [0, 2, 4, 7, 10]),
        ("User: a\n[15.01.2026 09:58:00] User: b", [-2, -2]),
        ("[15.01.2026 10:30:00] User: a\nUser: b", [30, 30]),
        ("[15.01.2026 10:05:00] User: a\n[15.01.2026 10:03:00] User: b\n[15.01.2026 10:06:00] User: c", [5, 5, 6]),
        ("User: a\n[31.02.2026 10:00:00] User: b\nUser: c", [0, 5, 10]),
        ("User: a\nUser:\nUser: b", [0, 10]),
    ],
    ids=[
        "one",
        "all missing",
        "lines without a time among timed ones",
        "between neighbours",
        "at both ends",
        "before the session",
        "after the session",
        "backwards",
        "impossible",
        "empty messages take no time",
    ],
)
def test_missing_times_are_spread_and_none_goes_backwards(text: str, expected: list[float]) -> None:
    assert minutes(text) == expected


def test_a_session_that_ends_before_it_starts_has_all_messages_at_its_start() -> None:
    assert minutes("User: a\nUser: b", ended_at=START - timedelta(hours=1)) == [0, 0]


def test_many_messages_may_be_spread_over_many_years() -> None:
    edges = (
        "[02.01.0001 00:00:00] User: a\n" + "[99.01.2026 00:00:00] User: b\n" * 1_000 + "[30.12.9999 00:00:00] User: c"
    )
    messages = parse(edges)
    assert len({message.sent_at for message in messages}) == len(messages) == 1_002


def test_the_bounds_may_come_in_any_zone() -> None:
    [message] = parse("User: a", started_at=START.astimezone(ZoneInfo("Asia/Tokyo")))
    assert message.sent_at == START
    assert message.sent_at.tzinfo is UTC


stamps = st.sampled_from(["", "[15.01.2026 10:03:00] ", "[01.01.0001 00:00:00] ", "[31.12.9999 23:59:59] ", "[x] "])
prefixes = st.sampled_from(["", "User:", "assistant: ", "SYSTEM:", "Note:", "User", "\ufeff"])
lines = st.builds(lambda stamp, prefix, text: stamp + prefix + text, stamps, prefixes, st.text(max_size=8))
texts = st.lists(lines, max_size=12).flatmap(
    lambda all_lines: st.sampled_from(["\n", "\r\n", "\r"]).map(lambda end: end.join(all_lines))
)


@given(texts | st.text(st.characters()))
@settings(max_examples=100, deadline=None)
def test_any_text_gives_messages_in_order_that_can_be_stored(text: str) -> None:
    messages = parse(text)
    times = [message.sent_at for message in messages]
    assert times == sorted(times)
    for message in messages:
        assert message.role in ROLES
        assert message.content == message.content.strip() != ""
        message.content.encode("utf-8")
        assert not {"\0", "\r"} & set(message.content)


conversations = st.lists(
    st.tuples(
        st.sampled_from(ROLES),
        # Words that begin no message, with blank lines between them.
        st.lists(st.text("abc: é]€😀\u2028", max_size=9).map(lambda text: f"x{text}y"), min_size=1, max_size=4).map(
            "\n\n".join
        ),
    ),
    max_size=8,
)


@given(
    conversations,
    st.sampled_from(["", "[15.01.2026 10:03:00] "]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.text("abc [12]", max_size=9),
)
@settings(max_examples=100, deadline=None)
def test_nothing_that_was_said_is_lost(
    conversation: list[tuple[str, str]], stamp: str, end: str, preamble: str
) -> None:
    written = [preamble, *(f"{stamp}{role}: {content}" for role, content in conversation)]
    expected = [("System", preamble.strip())] if preamble.strip() else []
    assert said("\n".join(written).replace("\n", end)) == expected + conversation


@pytest.mark.parametrize(
    "unit",
    [
        *("x", "User: a\n", "[15.01.2026 10:00:00] User: a\n", "a\n", "\n", " ", "[", "User: \t\n", "\r", ":", "\t"),
        *(
            "User: a Bot: b ",
            "Ab: c\n",
            "1" + " " * 80 + ":\n",
            "\x0b",
            "\\n",
            "<br ",
            "<a ",
            '<a b="',
            "<!--",
            "<?",
            "</",
        ),
        *("A: b\n", "User: b\n", "x1: b\n", "Room 12: b\n", "[INST]<<SYS>>[/INST]", "User 10:05 ", "🤖 "),
        *("<script>", "<![CDATA[", "[1] ", "```\n", "# a\n", "Lisa  10:05\n", "\u200b"),
    ],
)
@pytest.mark.parametrize("start", ["", "User: ", "<html>"])
def test_time_grows_in_step_with_the_text(start: str, unit: str) -> None:
    def seconds(characters: int) -> float:
        text = start + unit * (characters // len(unit)) + "end"
        begun = time.process_time()
        parse(text)
        return time.process_time() - begun

    # Quadratic would be 64 times as long; 8 is linear, and the rest is a busy machine's.
    long, short = (min(seconds(characters) for _ in range(2)) for characters in (40_000, 5_000))
    assert long < 32 * max(short, 0.01)


def test_time_grows_in_step_with_the_number_of_unknown_speakers() -> None:
    def seconds(speakers: int) -> float:
        text = "".join(f"[15.01.2026 10:00:00] Name{number}: hi\n" for number in range(speakers))
        begun = time.process_time()
        parse(text)
        return time.process_time() - begun

    long, short = (min(seconds(speakers) for _ in range(2)) for speakers in (8_000, 1_000))
    assert long < 32 * max(short, 0.01)


def test_ten_megabytes_in_one_message_come_back_whole() -> None:
    text = "x" * 10_000_000
    assert said(f"User: {text}") == [("User", text)]

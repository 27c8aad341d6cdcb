"""Transcripts as other tools export them, a table per kind."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livedash_core.enums import Role
from livedash_core.parsing.transcript import (
    ParsedMessage,
    Transcript,
    message_count_differs,
    not_a_transcript,
    parse_transcript,
)
from tests.fuzz.invariants import PIECES, check_transcript

AMSTERDAM = ZoneInfo("Europe/Amsterdam")
START = datetime(2026, 3, 4, 9, 0, 0, tzinfo=UTC)
END = datetime(2026, 3, 4, 9, 10, 0, tzinfo=UTC)
TWO_SIDES = [("User", "hi"), ("Assistant", "hello")]


def parse(text: str, **given: Any) -> Transcript:
    return parse_transcript(text, **{"started_at": START, "ended_at": END, "zone": AMSTERDAM, **given})


def said(text: str, **given: Any) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in parse(text, **given).messages]


def clocks(text: str, **given: Any) -> list[str]:
    return [message.sent_at.strftime("%Y-%m-%d %H:%M:%S") for message in parse(text, **given).messages]


@pytest.mark.parametrize(
    ("user", "assistant"),
    [
        ("Human", "AI"),
        ("customer", "BOT"),
        ("Visitor", "Agent"),
        ("End-user", "Virtual Agent"),
        ("Gebruiker", "Medewerker"),
        ("Medewerker", "Chatbot"),
        ("Werknemer", "Virtuele assistent"),
        ("Klant", "Klantenservice"),
        ("Benutzer", "Mitarbeiter"),
        ("Mitarbeiterin", "KI-Assistent"),
        ("Kunde", "Kundenberater"),
        ("Utilisateur\u00a0", "Conseiller\u202f"),
        ("Salarié", "Assistant virtuel"),
        ("Usuario", "Asistente"),
        ("Empleada", "Agente virtual"),
        ("Utente", "Operatore"),
        ("Dipendente", "Assistente virtuale"),
        ("Utilizador", "Atendente"),
        ("Funcionário", "Assistente"),
        ("User (Jan)", "Assistant (GPT-4)"),
        ("Jan (User)", "Lisa (Bot)"),
        ("User ", "Assistant "),
        ("Visitor 4711", "HR-Bot"),
    ],
)
@pytest.mark.parametrize("colon", [":", "\uff1a"])
def test_roles_are_known_by_a_table_in_seven_languages(user: str, assistant: str, colon: str) -> None:
    assert said(f"{user}{colon} hi\n{assistant}{colon} hello") == TWO_SIDES


@pytest.mark.parametrize(
    "text",
    [
        "**User:** hi\n\n**Assistant:** hello",
        "**User**: hi\n**Assistant**: hello",
        "*User:* hi\n_Assistant:_ hello",
        "### User\nhi\n\n### Assistant\nhello",
        "**User**\nhi\n**Assistant**\nhello",
        "- User: hi\n- Assistant: hello",
        "User: hi\n* Assistant: hello",
        "> User: hi\n> Assistant: hello",
        "1. User: hi\n2. Assistant: hello",
        "You said:\nhi\nChatGPT said:\nhello",
        "User: hi\x0bAssistant: hello",
        "User: hi\x0cAssistant: hello",
        "User: hi\u0085Assistant: hello",
        "User: hi\u2028Assistant: hello",
        "User: hi\u2029**Assistant:** hello",
        "User: hi\\nAssistant: hello",
        "User: hi\\r\\nAssistant: hello",
        '"User: hi\nAssistant: hello\n"',
        "User: hi Assistant: hello",
        "User: hi<br>Assistant: hello",
        "User: hi<br/>\nAssistant: hello<br />",
        "<div>\nUser: hi<br>\nAssistant: hello<br>\n</div>",
        "<p><b>User:</b> hi</p><p><b>Bot:</b> hello</p>",
        "<html><head><title>x</title><style>p{}</style></head><body><p>User: hi<p>Bot: hello</body></html>",
        "<div class='m'><span>User</span><p>hi</p></div><div><span>Bot</span><p>hello</p></div>",
        "<table><tr><td>10:00</td><td>User</td><td>hi</td></tr><tr><td>10:01</td><td>Bot</td><td>hello</td></tr></table>",
        "10:00\tUser\thi\n10:01\tBot\thello",
        "WEBVTT\n\n1\n00:00:01.000 --> 00:00:04.000\n<v User>hi</v>\n\n"
        "00:05.000 --> 00:06.000 align:start\n<v Bot>hello</v>\n",
        "WEBVTT - x\n\nNOTE made by hand\n\n00:01.000 --> 00:04.000\nUser: hi\n\n00:05.000 --> 00:06.000\nBot: hello",
        "1\n00:00:01,000 --> 00:00:04,000\nUser: hi\n\n2\n00:00:05,000 --> 00:00:06,000\nBot: hello\n",
    ],
)
def test_markup_and_lost_line_ends_do_not_hide_the_speakers(text: str) -> None:
    assert said(text) == TWO_SIDES
    assert not_a_transcript(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # WhatsApp of several languages and phones
        ("04.03.26, 10:01 - User: hi\n04.03.26, 10:02 - Bot: hello", ["10:01:00", "10:02:00"]),
        ("4/3/26, 10:01 AM - User: hi\n4/3/26, 10:02 AM - Bot: hello", ["10:01:00", "10:02:00"]),
        ("3/4/26, 10:01 AM - User: hi\n3/4/26, 10:02 AM - Bot: hello", ["10:01:00", "10:02:00"]),
        ("[04-03-2026 10:01:05] User: hi\n[04-03-2026 10:01:09] Bot: hello", ["10:01:05", "10:01:09"]),
        ("[2026-03-04, 10:01:05 AM] ~\u202fUser: hi\n[2026-03-04, 10:01:09 AM] ~ Bot: hello", ["10:01:05", "10:01:09"]),
        ("4/3/2026, 10:01 a.\u00a0m. - User: hi\n4/3/2026, 10:02 a.\u00a0m. - Bot: hello", ["10:01:00", "10:02:00"]),
        ("[10:01, 04/03/2026] User: hi\n[10:02, 04/03/2026] Bot: hello", ["10:01:00", "10:02:00"]),
        ("[04.03.2026 10:01]\u200e User: hi\n\u200e[04.03.2026\u202f10:02] Bot: hello", ["10:01:00", "10:02:00"]),
        # ISO, offsets, fractions, 12 hours, names of months, no date
        ("[2026-03-04T09:01:00Z] User: hi\n[2026-03-04T10:02:00.25+01:00] Bot: hello", ["10:01:00", "10:02:00"]),
        ("2026-03-04 10:01:00 User: hi\n2026-03-04 10:02:00 | Bot: hello", ["10:01:00", "10:02:00"]),
        ("[4.3.2026 10:01] User: hi\n[4.3.2026 10:02:00 AM] Bot: hello", ["10:01:00", "10:02:00"]),
        ("4. März 2026 10:01 - User: hi\n4 mars 2026 10h02 - Bot: hello", ["10:01:00", "10:02:00"]),
        ("Wed, March 4, 2026 at 10:01 AM - User: hi\nMar 4, 2026 10:02 AM - Bot: hello", ["10:01:00", "10:02:00"]),
        ("(10:01:05) User: hi\n(10:01:09) Bot: hello", ["10:01:05", "10:01:09"]),
        ("User (10:01): hi\nBot [04.03.2026 10:02:00]: hello", ["10:01:00", "10:02:00"]),
        ("User  10:01\nhi\n\nBot  10:02\nhello", ["10:01:00", "10:02:00"]),
    ],
)
def test_times_that_can_only_mean_one_thing_are_read(text: str, expected: list[str]) -> None:
    read = parse(text)
    assert [(message.role, message.content) for message in read.messages] == TWO_SIDES
    assert [message.sent_at.astimezone(AMSTERDAM).strftime("%H:%M:%S") for message in read.messages] == expected
    assert {message.sent_at.date() for message in read.messages} == {START.date()}
    assert read.notes == {}


@pytest.mark.parametrize(
    ("stamps", "expected"),
    [
        (["13/05/2026 10:00", "04/06/2026 10:00"], ["2026-05-13", "2026-06-04"]),
        (["05/13/2026 10:00", "06/04/2026 10:00"], ["2026-05-13", "2026-06-04"]),
        (["04/03/2026 10:01", "04/03/2026 10:02"], ["2026-03-04", "2026-03-04"]),
        (["03/04/2026 10:01", "03/04/2026 10:02"], ["2026-03-04", "2026-03-04"]),
    ],
)
def test_day_and_month_are_told_apart_by_all_stamps_or_by_the_session(stamps: list[str], expected: list[str]) -> None:
    text = "\n".join(f"[{stamp}] {role}: x" for stamp, role in zip(stamps, ("User", "Bot"), strict=True))
    assert [clock[:10] for clock in clocks(text)] == expected


@pytest.mark.parametrize("stamps", [["05/06/2026 10:00", "05/06/2026 10:01"], ["13/05/2026 10:00", "05/13/2026 10:01"]])
def test_ambiguous_times_are_noted_and_not_guessed(stamps: list[str]) -> None:
    read = parse(f"[{stamps[0]}] User: hi\n[{stamps[1]}] Bot: hello")
    assert [(m.role, m.content, m.sent_at) for m in read.messages] == [
        ("User", "hi", START),
        ("Assistant", "hello", END),
    ]
    assert read.notes.get("times_ambiguous", 0) + read.notes.get("times_unreadable", 0) == 2


def test_messages_of_another_year_are_noted() -> None:
    assert parse("[04.03.2062 10:00:05] User: hi\n[04.03.2062 10:00:09] Assistant: ok").notes == {
        "times_far_from_session": 2
    }
    assert parse("[04.03.2016 10:00:05] User: hi\n[04.03.2026 10:00:09] Assistant: ok").notes == {
        "times_far_from_session": 1
    }


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        (("02:58:00", "02:01:00"), ["00:58", "01:01"]),
        (("02:10:00", "02:20:00"), ["00:10", "00:20"]),
        (("02:58:00", "03:01:00"), ["00:58", "02:01"]),
    ],
)
def test_the_repeated_hour_is_read_like_that_of_the_row(times: tuple[str, str], expected: list[str]) -> None:
    text = f"[25.10.2026 {times[0]}] User: a\n[25.10.2026 {times[1]}] Assistant: b"
    read = parse(
        text,
        started_at=datetime(2026, 10, 25, 0, 0, tzinfo=UTC),
        ended_at=datetime(2026, 10, 25, 2, 30, tzinfo=UTC),
    )
    assert [message.sent_at.strftime("%H:%M") for message in read.messages] == expected
    assert read.notes == {}


def test_a_session_in_the_second_of_the_repeated_hours_has_its_messages_there() -> None:
    row = {
        "started_at": datetime(2026, 10, 25, 0, 50, tzinfo=UTC),
        "ended_at": datetime(2026, 10, 25, 1, 10, tzinfo=UTC),
    }
    assert clocks("[25.10.2026 02:05:00] User: a\n[25.10.2026 02:07:00] Bot: b", **row) == [
        "2026-10-25 01:05:00",
        "2026-10-25 01:07:00",
    ]


def test_times_of_day_go_on_past_midnight() -> None:
    started = datetime(2026, 3, 4, 22, 58, tzinfo=UTC)
    assert clocks("[23:59] User: a\n[00:01] Bot: b", started_at=started, ended_at=started + timedelta(minutes=9)) == [
        "2026-03-04 22:59:00",
        "2026-03-04 23:01:00",
    ]


T1, T2 = "2026-03-04T09:01:00Z", "2026-03-04T09:02:00Z"
EPOCH = 1772614860
EXPORTS: dict[str, Any] = {
    "OpenAI": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": [{"type": "text", "text": "hello"}]},
    ],
    "messages": {"id": 7, "messages": [{"sender": "human", "text": "hi"}, {"sender": "AI", "text": "hello"}]},
    "Copilot Studio": {
        "activities": [
            {"type": "trace", "from": {"role": 0}},
            {"type": "message", "from": {"id": "x", "role": 1}, "text": "hi", "timestamp": EPOCH},
            {"type": "message", "from": {"id": "y", "role": 0}, "text": "hello", "timestamp": EPOCH + 60},
        ]
    },
    "Rasa": {
        "events": [
            {"event": "action", "name": "action_listen"},
            {"event": "user", "text": "hi", "timestamp": EPOCH + 0.5},
            {"event": "bot", "text": "hello", "timestamp": EPOCH + 60.5, "data": {}},
        ]
    },
    "Botpress": {
        "messages": [
            {"direction": "outgoing", "payload": {"type": "text", "text": "hello"}, "createdAt": T2},
            {"direction": "incoming", "payload": {"type": "text", "text": "hi"}, "createdAt": T1},
        ]
    },
    "Intercom": {
        "type": "conversation",
        "source": {"type": "conversation", "author": {"type": "user", "name": "Jan"}, "body": "<p>hi</p>"},
        "conversation_parts": {
            "conversation_parts": [
                {"part_type": "comment", "body": "<p>hello</p>", "created_at": EPOCH, "author": {"type": "bot"}},
                {"part_type": "assignment", "body": None, "author": {"type": "admin"}},
            ]
        },
    },
    "Zendesk": {
        "history": [
            {"type": "chat.memberjoin", "name": "Visitor 1"},
            {"type": "chat.msg", "name": "Jan", "sender_type": "Visitor", "msg": "hi", "timestamp": T1},
            {"type": "chat.msg", "name": "Lisa", "sender_type": "Agent", "msg": "hello", "timestamp": T2},
        ]
    },
    "LiveChat": {
        "users": [{"id": "a1", "type": "customer", "name": "Jan"}, {"id": "b@example.com", "type": "agent"}],
        "thread": {
            "events": [
                {"type": "message", "text": "hi", "author_id": "a1", "created_at": T1},
                {"type": "message", "text": "hello", "author_id": "b@example.com", "created_at": T2},
            ]
        },
    },
    "Genesys": {
        "transcripts": [
            {
                "phrases": [
                    {"text": "hi", "participantPurpose": "external", "startTimeMs": EPOCH * 1000},
                    {"text": "hello", "participantPurpose": "internal", "startTimeMs": EPOCH * 1000 + 5},
                ]
            }
        ]
    },
    "Dialogflow": {
        "entries": [
            {"role": "END_USER", "text": "hi", "createTime": T1},
            {"role": "AUTOMATED_AGENT", "text": "hello", "createTime": "2026-03-04T09:01:01.123456789Z"},
        ]
    },
    "Amazon Connect": {
        "Transcript": [
            {"AbsoluteTime": T1, "Content": "hi", "ParticipantRole": "CUSTOMER", "Type": "MESSAGE"},
            {"AbsoluteTime": T2, "Content": "hello", "ParticipantRole": "AGENT", "Type": "MESSAGE"},
        ]
    },
    "ChatGPT": {
        "mapping": {
            "a": {"message": None},
            "b": {"message": {"author": {"role": "user"}, "content": {"parts": ["hi"]}, "create_time": EPOCH}},
            "c": {"message": {"author": {"role": "assistant"}, "content": {"parts": ["hello"]}}},
        }
    },
    "ShareGPT": {"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]},
    "LangChain": [{"type": "human", "data": {"content": "hi"}}, {"type": "ai", "data": {"content": "hello"}}],
    "pairs": [{"user": "hi", "bot": "hello"}],
    "one field each": [{"user": "hi"}, {"assistant": "hello"}],
    "a string": "User: hi\nAssistant: hello",
    "a list of strings": ["User: hi", "Assistant: hello"],
    "a string in an envelope": {"id": 7, "transcript": "User: hi\nAssistant: hello"},
}


@pytest.mark.parametrize("export", EXPORTS.values(), ids=EXPORTS)
def test_json_is_read_whatever_its_fields_are_called(export: Any) -> None:
    for text in (json.dumps(export), "\ufeff" + json.dumps(export, indent=2)):
        assert not_a_transcript(text) is None
        assert said(text) == TWO_SIDES


def test_json_lines_are_read_with_their_times() -> None:
    lines = [{"from": "visitor", "message": "hi", "timestamp": EPOCH}, {"from": "bot", "message": "hello", "ts": T2}]
    text = "\n".join(map(json.dumps, lines)) + "\n"
    assert said(text) == TWO_SIDES
    assert clocks(text) == ["2026-03-04 09:01:00", "2026-03-04 09:02:00"]


def test_a_list_that_begins_with_the_newest_message_is_turned_round() -> None:
    assert parse(json.dumps(EXPORTS["Botpress"])).notes == {"order_reversed": 1}


def test_a_speaker_with_a_time_and_without_words_is_noted() -> None:
    stamp = "[04.03.2026 10:01:00] "
    read = parse(f"{stamp}User: hi\n{stamp}Assistant: hello\n{stamp}User:")
    assert (len(read.messages), read.notes) == (2, {"labels_without_text": 1})


def test_entries_that_say_nothing_are_counted() -> None:
    assert parse(json.dumps(EXPORTS["Intercom"])).notes == {"items_without_text": 1}


NAMES = "Jan: hi\nLisa: hello\nJan: ok\nLisa: bye"


def test_two_unknown_speakers_are_not_guessed() -> None:
    for text in (NAMES, "Jan: hi\nLisa: hello", "[04.03.2026 10:00] Jan: hi\n[04.03.2026 10:01] Lisa: hello"):
        read = parse(text)
        assert read.problem is not None
        assert "'Jan: hi'" in read.problem
        assert {message.role for message in read.messages} == {"System"}
    assert parse(json.dumps([{"name": "Jan", "text": "hi"}, {"name": "Lisa", "text": "x"}])).problem is not None


def test_a_problem_quotes_a_short_piece_of_the_first_line() -> None:
    problem = parse("Jan: " + "x" * 500 + "\nLisa: y").problem
    assert problem is not None
    assert len(problem) < 300


def test_a_companys_names_come_before_the_table() -> None:
    roles: dict[str, Role] = {"jan": "User", "Lisa": "Assistant"}
    assert said(NAMES, speaker_roles=roles) == [*TWO_SIDES, ("User", "ok"), ("Assistant", "bye")]
    assert said("Agent: hi\nBot: hello", speaker_roles={"Agent": "User"}) == TWO_SIDES
    assert (
        said(json.dumps([{"name": "Jan", "text": "hi"}, {"name": "Lisa", "text": "hello"}]), speaker_roles=roles)
        == TWO_SIDES
    )


def test_one_unknown_speaker_beside_one_known_side_is_the_other() -> None:
    read = parse("User: hi\nLisa: hello\nUser: ok\nLisa: bye")
    assert [message.role for message in read.messages] == ["User", "Assistant", "User", "Assistant"]
    assert read.notes == {"assumed_speakers": 1}
    assert read.problem is None


def test_a_third_speaker_is_kept_apart_under_its_name() -> None:
    for stamp in ("", "[04.03.2026 10:00:00] "):
        text = (
            f"{stamp}User: hi\n{stamp}Bot: I connect you\n{stamp}Sofia: hello\n{stamp}User: thanks\n{stamp}Sofia: bye"
        )
        read = parse(text)
        assert [(message.role, message.content) for message in read.messages] == [
            ("User", "hi"),
            ("Assistant", "I connect you"),
            ("System", "Sofia: hello"),
            ("User", "thanks"),
            ("System", "Sofia: bye"),
        ]
        assert read.notes == {"unknown_speakers": 1}


def test_a_human_agent_answers_on_the_assistants_side() -> None:
    text = "[04.03.2026 10:00] User: hi\n[04.03.2026 10:01] Agent Sofia: hello\n[04.03.2026 10:02] Sofia left"
    read = parse(text)
    assert [(m.role, m.content) for m in read.messages] == [*TWO_SIDES, ("System", "Sofia left")]
    assert read.notes == {"lines_without_speaker": 1}


@pytest.mark.parametrize(
    ("text", "count", "inside"),
    [
        (
            "[04.03.2026 10:00:05] User: My report:\nSystem: Windows\nUser: jdoe\n[04.03.2026 10:00:20] Bot: Thanks",
            2,
            2,
        ),
        ("[04.03.2026 10:00] User: log\n2026-03-04 10:00:00 ERROR: disk\n[04.03.2026 10:01] Bot: ok", 2, 0),
        ("User: how?\nAssistant: so:\n```\nUser: hello\nAssistant: hi\n```\nUser: thanks", 3, 2),
        ("User: how?\nAssistant: fill in:\n- User: your number\n- Agent: none", 2, 2),
        ("User: whom?\nAssistant: ask one of these\nSupport: 0800\nHR: 0900", 2, 2),
        ("Assistant: fill in User: your number", 1, 0),
        ("User: hi\nAssistant: write <br> for User: x", 2, 0),
        ("User: hi\nAssistant: Note: a\nUser: ok\nAssistant: b\nNote: c\nNote: d", 4, 0),
    ],
)
def test_words_inside_a_message_that_look_like_a_role_stay_there(text: str, count: int, inside: int) -> None:
    read = parse(text)
    assert len(read.messages) == count
    assert read.notes.get("role_lines_inside_messages", 0) == inside
    assert read.problem is None


@pytest.mark.parametrize(
    ("roles", "messages_sent", "differs"),
    [
        ("UAUA", 4, False),
        ("UAUA", 2, False),
        ("SUAUA", 4, False),
        ("UAUA", 5, False),
        ("UAUA", None, False),
        ("U", 1, False),
        ("U", 0, False),
        ("U", 2, True),
        ("U", 3, True),
        ("UAUA", 9, True),
        ("UA" * 20, 44, False),
        ("UA" * 20, 50, True),
    ],
)
def test_a_row_that_counts_other_messages_is_marked(roles: str, messages_sent: int | None, differs: bool) -> None:
    full: dict[str, Role] = {"U": "User", "A": "Assistant", "S": "System"}
    messages = [ParsedMessage(full[role], "x", START) for role in roles]
    assert message_count_differs(messages, messages_sent) is differs


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<!DOCTYPE html><html><body>Sign in<form>User <input> Password <input></form></body></html>", "login page"),
        ('{"error": "not found"}', "is JSON"),
        ("Dear all,\nplease find attached", "its first line is 'Dear all,'"),
    ],
)
def test_what_has_no_speakers_is_no_transcript(text: str, says: str) -> None:
    assert says in str(not_a_transcript(text))


labels = st.sampled_from(
    ["", "User: ", "**Bot:** ", "- User: ", "Lisa: ", "User : ", "Agent (Jan): ", "[10:00] ", "### User\n", "```", "> "]
)
stamps = st.sampled_from(["", "", "[15.01.2026 10:03:00] ", "1/2/26, 10:00 - ", "(10:00) ", "2026-01-15T10:00:00Z "])
ends = st.sampled_from(["\n", "\r\n", "\n\n", "\x0b", "\u2028", " ", "<br>", "\\n"])
lines = st.tuples(stamps, labels, ends)


@pytest.mark.parametrize(
    "text",
    [
        "[15.01.2026 10:03:00] w0w\n[15.01.2026 10:03:00] w1w\nw2w\n[15.01.2026 10:03:00] User: w3w\n",
        "[15.01.2026 10:03:00] w0w\n[15.01.2026 10:03:00] User: w1w\n[15.01.2026 10:03:00] w2w\nw3w\n",
    ],
)
def test_a_timed_line_without_a_speaker_is_kept_where_another_one_follows(text: str) -> None:
    assert ("System", "w0w") in [(message.role, message.content) for message in parse(text).messages]


@given(st.lists(lines, min_size=1, max_size=12))
@settings(max_examples=300, deadline=None)
def test_every_word_is_in_exactly_one_message(written: list[tuple[str, str, str]]) -> None:
    """No reader takes these words for a time or markup; a speaker's name may hold one."""
    words = [f"w{number}w" for number in range(len(written))]
    text = "".join(f"{stamp}{label}{word}{end}" for (stamp, label, end), word in zip(written, words, strict=True))
    read = parse(text)
    places = [message.content for message in read.messages] + [
        name for name, role in read.speakers.items() if role != "System"
    ]
    assert [sum(place.count(word) for place in places) for word in words] == [1] * len(words)


@given(st.text(st.sampled_from('User:Bot: []{}"\\<>/br&;*#-`10.:026\n\t\u2028,w')) | st.text())
@settings(max_examples=300, deadline=None)
def test_nothing_is_raised(text: str) -> None:
    read = parse(text, messages_sent=2)
    not_a_transcript(text)
    assert all(message.content.strip() for message in read.messages)
    assert [message.sent_at for message in read.messages] == sorted(message.sent_at for message in read.messages)


@given(st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=40), st.integers(0, 9) | st.none())
@settings(max_examples=400, deadline=None)
def test_no_letter_vanishes(pieces: list[str], messages_sent: int | None) -> None:
    check_transcript("".join(pieces), messages_sent)


def _json_values() -> st.SearchStrategy[Any]:
    keys = st.sampled_from(
        ["role", "content", "text", "from", "type", "message", "messages", "data", "user", "bot", "ts"]
    )
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["user", "bot", "hi", "User: x"])
    return st.recursive(leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4))


@given(_json_values())
@settings(max_examples=300, deadline=None)
def test_any_json_is_read_or_refused(document: Any) -> None:
    text = json.dumps(document)
    not_a_transcript(text)
    parse(text)


@pytest.mark.parametrize("text", ["[" * 50_000, '{"data":' * 50_000, '[{"role":"user","content":' + "9" * 5_000 + "}]"])
def test_deep_or_long_json_raises_nothing(text: str) -> None:
    parse(text)
    not_a_transcript(text)


def test_the_quick_way_reads_what_the_thorough_way_reads() -> None:
    lines = [f"[04.03.2026 10:0{n}:00] {role}: text {n}\nmore: {n}" for n, role in enumerate(["User", "Assistant"] * 4)]
    for text in ("\n".join(lines), "\n".join(line[22:] for line in lines)):
        # Names of a company are looked up in the thorough way.
        assert parse(text).messages == parse(text, speaker_roles={"Nobody": "User"}).messages

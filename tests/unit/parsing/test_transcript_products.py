"""Transcripts as chat products and spreadsheets export them: who speaks, or why it is not told."""

# ruff: noqa: E501 - one case, one line

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from livedash_core.parsing.transcript import Transcript, not_a_transcript, parse_transcript

BEGAN = datetime(2026, 5, 4, 7, 30, tzinfo=UTC)


def read(text: str) -> Transcript:
    return parse_transcript(text, started_at=BEGAN, ended_at=BEGAN.replace(hour=8), zone=ZoneInfo("UTC"))


def roles(transcript: Transcript) -> str:
    return "".join(message.role[0] for message in transcript.messages)


WORDS = {
    "pl": ("Użytkownik", "Asystent"),
    "pl, a customer": ("Klient", "Konsultant"),
    "sv": ("Användare", "Handläggare"),
    "da": ("Bruger", "Rådgiver"),
    "no": ("Bruker", "Saksbehandler"),
    "fi": ("Käyttäjä", "Botti"),
    "tr": ("Kullanıcı", "Asistan"),
    "tr in capitals": ("KULLANICI", "ASİSTAN"),
    "fr in capitals": ("UTILISATEUR", "CONSEILLERE"),
    "cs": ("Uživatel", "Asistent"),
    "hu": ("Felhasználó", "Asszisztens"),
    "ro": ("Utilizator", "Asistent"),
    "el": ("Χρήστης", "Βοηθός"),
    "ru": ("Пользователь", "Оператор"),
    "uk": ("Користувач", "Бот"),
    "he": ("\u200fמשתמש", "\u200fבוט"),
    "ar": ("المستخدم", "المساعد"),
    "zh": ("用户", "客服"),
    "ja": ("ユーザー", "ボット"),
    "ko": ("사용자", "상담원"),
    "accents in two code points": ("Usua\u0301rio", "Atendente"),
    "emoji": ("🙂 User", "🤖 Bot"),
    "emoji behind": ("Visitor 🙋🏽\u200d♀️", "Agent ⭐"),
    "a verb": ("User says", "Bot says"),
    "numbers": ("Question 1", "Answer 1"),
    "a title": ("Employee", "HR Representative"),
    "a name with an apostrophe": ("Niamh O'Brien", "Bot"),
    "a name with particles": ("van den Heuvel", "Chatbot"),
    "roles in brackets": ("Niamh (Employee)", "Tess (HR)"),
    "a name in camel case": ("Visitor", "LeaveBot"),
}


@pytest.mark.parametrize("words", WORDS.values(), ids=WORDS.keys())
@pytest.mark.parametrize("colon", [": ", "："])
def test_a_word_for_a_side(words: tuple[str, str], colon: str) -> None:
    asks, answers = words
    if colon != ": " and (asks[0] in "Nv" or answers in ("HR Representative", "Tess (HR)")):
        pytest.skip("an unknown name needs a space behind its colon")
    text = "".join(f"{name}{colon}how many days?\n" for name in (asks, answers, asks))
    assert roles(read(text)) == "UAU"
    assert not_a_transcript(text) is None


LAYOUTS = {
    "names in brackets": "[User] hi\n[Bot] hello\n[User] bye\n",
    "names as tags": "<user> hi\n<bot> hello\n<user> bye\n",
    "times and tags": "09:31 <niamh> hi\n09:32 <hr-bot> hello\n09:33 <niamh> bye\n",
    "arrows": "User > hi\nBot > hello\nUser > bye\n",
    "other arrows": "User -> hi\nBot -> hello\nUser -> bye\n",
    "dashes": "Visitor - hi\nAgent - hello\nVisitor - bye\n",
    "bars": "2026-05-04 09:31:00 | visitor | hi\n2026-05-04 09:32:00 | agent | hello\n2026-05-04 09:33:00 | visitor | bye\n",
    "cells": "2026-05-04 09:31:00,user,hi\n2026-05-04 09:32:00,bot,hello\n2026-05-04 09:33:00,user,bye\n",
    "a name above its words": "Visitor\nhi\n\nAgent\nhello\n\nVisitor\nbye\n",
    "a name and a time above": "Niamh 9:31 AM\nhi\nLeave Bot  APP  9:32 AM\nhello\nNiamh 9:33 AM\nbye\n",
    "a time below the name": "Niamh Byrne\n9:31 AM\nhi\n\nLeave Bot\n9:32 AM\nhello\n\nNiamh Byrne\n9:33 AM\nbye",
    "a time in front of the name": "[9:31 AM] Niamh Byrne\nhi\n\n[9:32 AM] Leave Bot\nhello\n\n[9:33 AM] Niamh Byrne\nbye\n",
    "a date in front of the name": "2026-05-04 09:31:00 Visitor #9\nhi\n2026-05-04 09:32:00 Lyra\nhello\n"
    "2026-05-04 09:33:00 Visitor #9\nbye\n",
    "a time behind the name": "Niamh at 9:31 AM: hi\nLeave Bot at 9:32 AM: hello\nNiamh at 9:33 AM: bye\n",
    "a bold name and a time": "**Customer** (9:31 AM)\nhi\n\n**Agent** (9:32 AM)\nhello\n\n**Customer** (9:33 AM)\nbye\n",
    "times and arrows": "2026-05-04 09:31 Niamh> hi\n2026-05-04 09:32 HRBot> hello\n2026-05-04 09:33 Niamh> bye\n",
    "prompts": "Prompt: hi\nResponse: hello\nPrompt: bye\n",
    "seconds since the chat began": "Agent Tess V\n( 3s ) Niamh: hi\n( 1m 4s ) Tess V: hello\n( 2m 0s ) Niamh: bye\n",
    "keys": "- role: user\n  content: hi\n- role: assistant\n  content: hello\n- role: user\n  content: bye\n",
    "keys with times": "- sender: visitor\n  text: hi\n  time: 2026-05-04T09:31:00Z\n- sender: bot\n  text: hello\n"
    "- sender: visitor\n  text: bye\n",
    "chat markup": "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhello<|im_end|>\n<|im_start|>user\nbye<|im_end|>",
    "lines of CSV": 'sent_at,sender,message\n09:31,user,hi\n09:32,bot,"hello, you"\n09:33,user,bye\n',
    "a German table": "Zeit;Absender;Nachricht\n09:31;Kunde;hi\n09:32;Bot;hello\n09:33;Kunde;bye\n",
    "a Markdown table": "| Time | Sender | Message |\n|---|---|---|\n| 9:31 | User | hi |\n| 9:32 | Bot | hello |\n| 9:33 | User | bye |\n",
    "attributes of XML": '<chat><message sender="visitor">hi</message><message sender="agent">hello</message>'
    '<message sender="visitor">bye</message></chat>',
    "elements of XML": "<chat>"
    + "".join(f"<line><by>{name}</by><said>{words}</said></line>" for name, words in (("Visitor", "hi"), ("Agent", "hello"), ("Visitor", "bye")))
    + "</chat>",
    "elements set apart": "".join(
        f"<div><span>{name}</span><span>9:3{minute}</span><p>{words}</p></div>"
        for minute, (name, words) in enumerate([("Visitor", "hi"), ("HR Bot", "hello"), ("Visitor", "bye")])
    ),
    "what Python prints": "[{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': \"it's\", 'n': None}, "
    "{'role': 'user', 'content': 'bye'}]",
    "a comma too many": '[{"role":"user","content":"hi"},{"role":"bot","content":"hello"},{"role":"user","content":"bye"},]',
    "documents without line ends": '{"role":"user","content":"hi"}{"role":"bot","content":"hello"}{"role":"user","content":"bye"}',
}  # fmt: skip


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_a_layout_without_colons(text: str) -> None:
    transcript = read(text)
    spoken = [message for message in transcript.messages if message.role != "System"]
    assert "".join(message.role[0] for message in spoken) == "UAU"
    assert [spoken[0].content, spoken[2].content] == ["hi", "bye"]
    assert transcript.problem is None
    assert not_a_transcript(text) is None


def exchange(**fields: Any) -> list[dict[str, Any]]:
    return [dict(zip(fields, values, strict=True)) for values in zip(*fields.values(), strict=True)]


JSON: dict[str, Any] = {
    "an author that is a bot": {"messages": exchange(body=["hi", "hello"], author=[{"type": "contact", "bot": False}, {"type": "user", "bot": True}])},
    "an application": {"value": exchange(body=[{"content": "<p>hi</p>"}, {"content": "hello"}], **{"from": [{"user": {"displayName": "Niamh"}}, {"user": None, "application": {"displayName": "Leave"}}]})},
    "a purpose": {"messages": exchange(messageText=["hi", "hello"], purpose=["customer", "agent"])},
    "who sent it": {"messageRecords": exchange(sentBy=["Consumer", "Agent"], messageData=[{"msg": {"text": "hi"}}, {"msg": {"text": "hello"}}])},
    "an actor": {"messages": exchange(actor_type=["user", "agent"], message_parts=[[{"text": {"content": "hi"}}], [{"text": {"content": "hello"}}]])},
    "a constructor": [{"id": ["m", name], "kwargs": {"content": text}} for name, text in (("HumanMessage", "hi"), ("AIMessage", "hello"))],
    "lists of two": [["user", "hi"], ["assistant", "hello"]],
    "German fields": exchange(Absender=["Kunde", "Bot"], Nachricht=["hi", "hello"]),
    "Dutch fields": exchange(afzender=["klant", "bot"], bericht=["hi", "hello"]),
    "French fields": exchange(auteur=["utilisateur", "assistant"], texte=["hi", "hello"]),
    "prompts": [{"prompt": "hi", "response": "hello"}],
    "inputs": [{"input": "hi", "output": "hello", "n": 1}],
    "requests": {"log": [{"request": {"input": {"text": "hi"}}, "response": {"output": {"generic": [{"text": "hello"}]}}}]},
    "interactions": [{"request": {"queryInput": {"text": {"text": "hi"}}}, "response": {"queryResult": {"responseMessages": [{"text": {"text": ["hello"]}}]}}}],
    "names of the sides beside the messages": {"customer": "Niamh", "agent": "Tess", "messages": exchange(**{"from": ["customer", "agent"]}, text=["hi", "hello"])},
    "queries": [{"queryText": "hi", "fulfillmentText": "hello"}],
}  # fmt: skip


@pytest.mark.parametrize("document", JSON.values(), ids=JSON.keys())
def test_the_fields_of_an_export(document: Any) -> None:
    transcript = read(json.dumps(document))
    assert [(message.role, message.content) for message in transcript.messages] == [
        ("User", "hi"),
        ("Assistant", "hello"),
    ]
    assert not_a_transcript(json.dumps(document)) is None


@pytest.mark.parametrize(
    "text",
    [
        "User 1: hi\nUser 2: hello\n",
        "Lisa: hi\nTom: hello\nLisa: bye\n",
        json.dumps([{"sender": 1, "text": "hi"}, {"sender": 2, "text": "hello"}]),
        "{\\rtf1\\ansi User: hi\\par Bot: hello\\par }",
        '[{"role":"user","content":"hi"},{"role":"assistant","content":"hel',
    ],
)
def test_what_is_not_told_is_refused(text: str) -> None:
    assert not_a_transcript(text) or read(text).problem


def test_a_side_that_may_be_inside_a_message_is_noted() -> None:
    transcript = read("User: hi\nAnswer of Tess: hello\nTess Vermeer: you have ten days\n")
    assert roles(transcript) == "U"
    assert transcript.notes["role_lines_inside_messages"] >= 1


def test_a_text_that_begins_with_a_name_has_it_as_the_other_side_and_says_so() -> None:
    transcript = read("Niamh: hi\nBot: hello\n")
    assert roles(transcript) == "UA"
    assert transcript.notes == {"assumed_speakers": 1}


def test_an_ordinary_answer_is_not_taken_apart() -> None:
    text = (
        "User: when?\nAssistant: These days:\nMonday - 9:00\nTuesday - 10:00\nHR > Leave > New\n"
        "[Form] the new one\nUser: thanks\n"
    )
    assert roles(read(text)) == "UAU"
    assert read(text).notes == {}


@pytest.mark.parametrize(
    "line",
    ["Name{}: hi\n", "Jan Nr{}: hi\n", "A: b\n", "Jan{} 10:05\nhi\n", "User - hi\n", "<user> hi\n", "10:0{} hi\n"],
)
def test_work_grows_with_the_text(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts the lines that are read as labels; the time of each is bounded by its length."""
    from livedash_core.parsing.transcript import labels

    read_label, looked_at = labels._read_label, 0

    def counting(line: str, table: Any) -> Any:
        nonlocal looked_at
        looked_at += len(line) + 1
        return read_label(line, table)

    monkeypatch.setattr(labels, "_read_label", counting)
    work = []
    for lines in (4000, 16_000):
        labels._read_short_label.cache_clear()
        looked_at = 0
        read("".join(line.format(number) for number in range(lines)))
        work.append(looked_at)
    assert work[1] <= 5 * work[0]


_ASKED, _ANSWERED = "how many days do I have?", "You have 5."
IN_COLUMNS = {
    "tabs": "User\t10:05\thow many days do I have?\nBot\t10:06\tYou have 5.",
    "tabs and dates": "User\t2026-05-04 10:05:00\thow many days do I have?\nBot\t2026-05-04 10:06:00\tYou have 5.",
    "bars": "User | 10:05 | how many days do I have?\nBot | 10:06 | You have 5.",
    "semicolons": "User; 10:05; how many days do I have?\nBot; 10:06; You have 5.",
    "dashes": "User - 10:05 - how many days do I have?\nBot - 10:06 - You have 5.",
    "spaces": "User 10:05 how many days do I have?\nBot 10:06 You have 5.",
    "a name": "Jan\t10:05\thow many days do I have?\nBot\t10:06\tYou have 5.",
}


@pytest.mark.parametrize("text", IN_COLUMNS.values(), ids=IN_COLUMNS.keys())
def test_a_time_between_a_speaker_and_the_words(text: str) -> None:
    messages = read(text).messages
    assert [(message.role, message.content) for message in messages] == [("User", _ASKED), ("Assistant", _ANSWERED)]
    assert [f"{message.sent_at:%H:%M}" for message in messages] == ["10:05", "10:06"]


OF_TOKENS = {
    "emoji": f"👤: {_ASKED}\n🤖: {_ANSWERED}",
    "emoji without colons": f"🧑🏽‍💼 {_ASKED}\n🤖 {_ANSWERED}",
    "instructions": f"[INST] {_ASKED} [/INST] {_ANSWERED}",
    "instructions in sentences": f"<s>[INST] {_ASKED} [/INST] {_ANSWERED} </s>",
    "Amazon Lex": json.dumps({"inputTranscript": _ASKED, "messages": [{"content": _ANSWERED}], "sessionId": "1"}),
    "Voiceflow": json.dumps(
        {
            "turns": [
                {"type": "request", "payload": {"type": "text", "payload": _ASKED}},
                {"type": "trace", "payload": {"type": "text", "payload": {"message": _ANSWERED}}},
            ]
        }
    ),
    "Botpress": json.dumps(
        [
            {"direction": "incoming", "payload": {"text": _ASKED}, "createdOn": "2026-05-04T07:30:00Z"},
            {"direction": "outgoing", "payload": {"text": _ANSWERED}, "createdOn": "2026-05-04T07:31:00Z"},
        ]
    ),
    "Telegram": json.dumps(
        [
            {"from": "User", "text": [{"type": "bold", "text": "how many"}, " days do I have?"]},
            {"from": "Bot", "text": _ANSWERED},
        ]
    ),
}


@pytest.mark.parametrize("text", OF_TOKENS.values(), ids=OF_TOKENS.keys())
def test_a_format_whose_speakers_are_no_words(text: str) -> None:
    messages = read(text).messages
    assert [(message.role, message.content) for message in messages] == [("User", _ASKED), ("Assistant", _ANSWERED)]
    assert not_a_transcript(text) is None


def test_a_robot_inside_a_message_is_none_that_speaks() -> None:
    assert [message.content for message in read("User: hi\n🤖 is that you?\nBot: yes").messages] == [
        "hi\n🤖 is that you?",
        "yes",
    ]


def test_who_me_is_in_a_telephones_export_is_not_told() -> None:
    assert "without messages that have a speaker" in (
        not_a_transcript('[{"fromMe": false, "body": "hi"}, {"fromMe": true, "body": "hello"}]') or ""
    )


@pytest.mark.parametrize(("text", "kept"), [("User: a\\tb\nBot: c\\nd", 2), ("User: a/n\nBot: b", 0)])
def test_line_ends_written_as_two_characters_are_noted(text: str, kept: int) -> None:
    assert read(text).notes.get("escapes_kept", 0) == kept


@pytest.mark.parametrize(
    ("text", "is_error"),
    [
        ('{"error": {"code": 401, "role": "user", "message": "expired"}}', True),
        ('{"errors": [{"role": "user", "content": "x"}]}', True),
        ('{"status": "error", "role": "user", "message": "not found"}', True),
        ('{\n "error": "User: unauthorised",\n "message": "Assistant: token"\n}', True),
        ('{"error": null, "messages": [{"role": "user", "content": "Hej"}]}', False),
        ('{"error": "late", "messages": [{"role": "user", "content": "Hej"}]}', False),
        ('{"role": "user", "content": "I get an error"}', False),
    ],
)
def test_an_error_in_json_is_no_transcript(text: str, is_error: bool) -> None:
    problem = not_a_transcript(text)
    assert (problem == "is JSON with an error message, not a transcript") is is_error

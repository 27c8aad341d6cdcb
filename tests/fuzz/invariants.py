"""What must hold for any transcript: shared by the fuzz target and the property tests."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from livedash_core.parsing.transcript import not_a_transcript, parse_transcript
from livedash_core.parsing.transcript_notes import in_words

ZONE = ZoneInfo("Europe/Amsterdam")
#: The hour that happens twice is in it.
START, END = datetime(2026, 10, 25, 0, 0, tzinfo=UTC), datetime(2026, 10, 25, 2, 0, tzinfo=UTC)
#: No table, time or markup has this letter.
LETTER = "þ"

#: What the inputs are made of; the fuzzer and Hypothesis find the orders that matter.
PIECES = (
    *(
        "User",
        "Bot",
        "Lisa",
        "þ",
        "Medewerker",
        "Q",
        "System",
        ":",
        "\uff1a",
        " ",
        "\n",
        "\r",
        "\t",
        "\\n",
        "\x0b",
        "\u2028",
    ),
    *(
        "[10.11.2026 10:05:00] ",
        "1/2/26, 10:00 - ",
        "10:05",
        "2026-10-25T02:30:00",
        "99.99.9999 99:99",
        "AM",
        "**",
        "- ",
    ),
    *(
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        '"',
        ",",
        "<br>",
        "<p>",
        "</p>",
        "<!--",
        "<script>",
        "&amp;",
        "```",
        "# ",
        "> ",
        "1. ",
    ),
    *(
        '[{"role":"user","content":"',
        '"}]',
        "WEBVTT\n\n",
        "00:01.000 --> 00:02.000\n",
        "<v Lisa>",
        "\u200e",
        "\ud800",
        "\0",
    ),
    *(" > ", " - ", " | ", "<user> ", "[Bot] ", "Bot 10:05\n", "role: user\n", "content: ", "<|im_start|>user\n", "'"),
    *("( 5s ) ", "time,sender,message\n", "role,text\n", "user,"),
)


def check_transcript(text: str, messages_sent: int | None = None) -> None:
    """Nothing is raised, messages are in order and can be stored, and no letter of a plain text vanishes.

    A letter is in a message, in the name of a speaker, or was in a line that a note counts.
    """
    not_a_transcript(text)
    read = parse_transcript(text, started_at=START, ended_at=END, zone=ZONE, messages_sent=messages_sent)
    times = [message.sent_at for message in read.messages]
    assert times == sorted(times)
    for message in read.messages:
        assert message.content == message.content.strip() != ""
        assert "\0" not in message.content
        message.content.encode()
    assert all(phrase.strip() for phrase in in_words(read.notes))
    if read.format != "text":
        return
    lost = text.count(LETTER) - sum(message.content.count(LETTER) for message in read.messages)
    in_names = any(LETTER in name for name in read.speakers)
    is_noted = any(read.notes.get(note) for note in ("labels_without_text", "times_unreadable"))
    assert lost == 0 or (lost > 0 and (in_names or is_noted)), f"{lost} letters are lost"

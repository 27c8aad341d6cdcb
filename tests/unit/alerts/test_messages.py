"""What a message makes of text from elsewhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from livedash_core.alerts.messages import example, plain, write_messages
from livedash_core.alerts.store import OpenAlert

SINCE = datetime(2026, 6, 15, 12, tzinfo=UTC)
ALERT = OpenAlert(
    id=1,
    rule="failures",
    company="Acme",
    stage="TRANSCRIPT_FETCH",
    level=1,
    message="12 sessions of Acme failed",
    advice="Look at the reasons.",
    page="livedash/failures?company=1",
    command="livedash failures",
    since=SINCE,
    first_seen_at=SINCE,
    ended_at=None,
    notified_at=None,
    snoozed_until=None,
    snoozed_by=None,
    snooze_reason=None,
    deliveries={},
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Acme\r\nBcc: x@example.com", "Acme Bcc: x@example.com"),
        ("Acme\x0b\x0c\x1c\x85\u2028\u2029Inc", "Acme Inc"),
        ("\x1b[31mred\x07", "[31mred"),
        ("A\u202ecod.exe\u200b", "Acod.exe"),
        ("<!channel> <@U1|x>", "‹!channel› ‹@U1|x›"),
        ("@everyone @HERE @channel @all", "@ everyone @ HERE @ channel @ all"),
        ("ops@allied.example", "ops@allied.example"),
        ("Müller & Söhne, 北京 🏭", "Müller & Söhne, 北京 🏭"),
    ],
)
def test_foreign_text_is_one_harmless_line(text: str, shown: str) -> None:
    assert plain(text) == shown


@pytest.mark.parametrize(
    "name", ["Acme", "A" * 10_000, "\n\n\r", "<script>alert(1)</script>", "{{ 7 * 7 }}", "\u2028x"]
)
def test_a_subject_is_one_short_line_and_html_is_escaped(name: str) -> None:
    hostile = replace(ALERT, company=name, message=f"12 sessions of {name} failed", command=f"livedash x '{name}'")
    for base_url in (None, "https://airflow.example"):
        (message,) = write_messages([hostile], "mail", base_url)
        assert len(message.subject) <= 150
        assert len(message.subject.splitlines()) == 1
        assert "<script" not in message.html
        assert "<script" not in message.text


def test_a_message_has_a_link_or_a_command() -> None:
    (with_link,) = write_messages([ALERT], "mail", "https://airflow.example/")
    (without,) = write_messages([ALERT], "mail", None)
    assert with_link.text.endswith("\nhttps://airflow.example/livedash/failures?company=1")
    assert '<a href="https://airflow.example/livedash/failures?company=1">' in with_link.html
    assert without.text.endswith("\nlivedash failures")
    assert "Since 2026-06-15 12:00Z. Look at the reasons." in with_link.text


def test_an_end_says_so_and_gives_no_advice() -> None:
    ended = replace(ALERT, ended_at=SINCE.replace(hour=13), deliveries={"mail": {"level": 1}})
    (message,) = write_messages([ended], "mail", None)
    assert message.subject == "LiveDash, ended: many sessions fail: Acme, TRANSCRIPT_FETCH"
    assert "Ended 2026-06-15 13:00Z." in message.text
    assert "Look at" not in message.text + message.html


def test_a_test_message_says_that_nothing_is_wrong() -> None:
    assert "Nothing is wrong" in example(None).text
    assert example("https://airflow.example").text.endswith("https://airflow.example/livedash/")


def test_html_shows_ampersands_and_quotes_as_they_are() -> None:
    odd = replace(ALERT, message='12 sessions of "A" & B failed')
    (message,) = write_messages([odd], "mail", None)
    assert "12 sessions of &#34;A&#34; &amp; B failed" in message.html

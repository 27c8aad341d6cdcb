from __future__ import annotations

from tests.integration.cli.conftest import CommandLine, Publish


def test_a_session_then_a_day_then_a_company_are_erased_and_counts_stay(livedash: CommandLine, acme: Publish) -> None:
    acme(48)  # an hour apart, the first at 6:00 UTC on 1 May 2026
    livedash("process")
    before = livedash.json("status")

    erased = livedash.json("erase", "--session", "chat-0047")
    assert list(erased) == ["sessions", "messages", "transcripts", "questions", "rejections"]
    assert (erased["sessions"], erased["transcripts"]) == (1, 1)
    assert livedash.json("session", "chat-0047")["messages"] == []
    assert livedash.json("erase", "--company", "Acme", "--before", "2026-05-02", "--yes")["sessions"] == 18
    assert livedash.json("session", "chat-0018")["messages"] != []
    assert livedash.json("erase", "--company", "Acme", "--dry-run") == {"dry_run": True, "sessions": 29}
    (unconfirmed,) = livedash.refuses(("erase", "--company", "Acme"))
    assert "Erase the content of 29 sessions of Acme for good?" in unconfirmed
    assert "--yes" in unconfirmed
    output, _ = livedash("erase", "--company", "Acme", "--yes")
    assert output.startswith("Erased: 29 sessions with ")
    assert livedash("erase", "--company", "Acme")[0] == "There was nothing to erase.\n"

    assert livedash.json("status") == before
    assert {stage["claimed"] for stage in livedash.json("process")["stages"].values()} == {0}


def test_erase_requires_a_session_or_company_that_exists(livedash: CommandLine) -> None:
    nothing, both, nobody, unknown = livedash.refuses(
        ("erase",),
        ("erase", "--session", "chat-1", "--before", "2026-05-01"),
        ("erase", "--company", "Nobody"),
        ("erase", "--session", "chat-1"),
    )
    assert "--session ID, or --company NAME" in nothing
    assert "--before only applies to --company" in both
    assert "'Nobody'" in nobody
    assert "chat-1" in unknown

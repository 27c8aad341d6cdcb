from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

from sqlalchemy import Engine, update

from livedash_core.costs.ledger import PlannedCall
from livedash_core.costs.ledger_store import open_calls
from livedash_core.costs.prices import load_prices, set_price
from livedash_core.models import SessionImport
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import Failure, ProcessingStatusManager
from tests.integration.cli.conftest import CommandLine, Publish
from tests.integration.records import NOON, Records

MESSAGE = "https://files.example.com/a/transcript/with/a/path/that/is/longer/than/a/terminal/is/wide.txt is gone"


def failed(engine: Engine, records: Records) -> list[str]:
    """Six sessions of Acme, one of Other: external ids in order. All fail in TRANSCRIPT_FETCH, Acme's third passing."""
    acme, other = records.company("Acme"), records.company("Other")
    ids = [*records.sessions(acme, 6), *records.sessions(other, 1)]
    with engine.begin() as connection:
        for number, session_id in enumerate(ids):
            connection.execute(
                update(SessionImport)
                .where(SessionImport.id == session_id)
                .values(external_session_id=f"chat-{number}", started_at=f"2026-05-0{number + 1} 23:59:59+00")
            )
        manager = ProcessingStatusManager(connection, max_attempts=1)
        claim = manager.claim("TRANSCRIPT_FETCH", 10)
        kinds = ["permanent", "permanent", "transient", "permanent", "permanent", "permanent", "permanent"]
        manager.fail(
            "TRANSCRIPT_FETCH",
            claim.token,
            [Failure(session_id, kind, MESSAGE) for session_id, kind in zip(ids, kinds, strict=True)],
        )
        manager.release(claim.token)
    return [str(session_id) for session_id in ids]


def test_status_has_every_stage_and_every_status(livedash: CommandLine, engine: Engine, records: Records) -> None:
    failed(engine, records)
    zeros = dict.fromkeys(("PENDING", "IN_PROGRESS", "COMPLETED", "FAILED", "SKIPPED"), 0)
    everything = livedash.json("status")
    assert everything == {
        "total_sessions": 7,
        "stages": {
            "CSV_IMPORT": {**zeros, "COMPLETED": 7},
            "TRANSCRIPT_FETCH": {**zeros, "FAILED": 7},
            "SESSION_CREATION": {**zeros, "PENDING": 7},
            "AI_ANALYSIS": {**zeros, "PENDING": 7},
            "QUESTION_EXTRACTION": {**zeros, "PENDING": 7},
        },
    }
    assert list(everything["stages"]) == list(BUILT_IN.names)
    table, _ = livedash("status", "--company", "Other")
    assert table.startswith("1 session ")
    assert all(stage in table for stage in BUILT_IN.names)


def test_transcripts_read_with_doubts_are_counted_and_listed(
    livedash: CommandLine, engine: Engine, records: Records
) -> None:
    assert "No transcript" in livedash("notes")[0] + livedash("notes")[1]
    acme, other = records.company("Acme"), records.company("Other")
    records.sessions(acme, 2, completed_stages=2)
    records.sessions(other, 1, completed_stages=2)
    with engine.begin() as connection:
        manager = ProcessingStatusManager(connection)
        claim = manager.claim("SESSION_CREATION", 10)
        manager.complete("SESSION_CREATION", claim.token, {each: {"lines_split": 3} for each in claim.attempts})
    assert "The transcripts of 2 sessions were read with doubts" in "".join(livedash("status", "--company", "Acme"))
    table, _ = livedash("notes")
    assert table.startswith("3 read with doubts")
    (only,) = livedash.json("notes", "--company", "Other")
    assert only["notes"] == ["3 messages that begin in the middle of a line"]


def test_failures_are_printed_without_truncation(livedash: CommandLine, engine: Engine, records: Records) -> None:
    failed(engine, records)
    table, _ = livedash("failures", "--company", "Acme")
    assert table.startswith("6 failed")
    assert table.count(MESSAGE) == 6
    assert "chat-6" not in table
    (only,) = livedash.json("failures", "--company", "Other", "--stage", "TRANSCRIPT_FETCH")
    assert (only["external_session_id"], only["attempts"], only["error_kind"]) == ("chat-6", 1, "permanent")


def test_retry_filters_by_every_option_and_a_dry_run_changes_nothing(
    livedash: CommandLine, engine: Engine, records: Records
) -> None:
    ids = failed(engine, records)

    def reset(*options: str) -> int:
        answer = livedash.json("retry", *options)
        assert list(answer) == ["dry_run", "reset"]
        assert answer["dry_run"] == ("--dry-run" in options)
        return int(answer["reset"].get("TRANSCRIPT_FETCH", 0))

    assert reset("--dry-run", "--stage", "TRANSCRIPT_FETCH") == 7
    assert reset("--kind", "permanent", "--company", "Acme", "--from", "2026-05-03", "--to", "2026-05-05") == 2
    assert reset("--session", "chat-0", "--session", ids[1]) == 2
    assert livedash("retry", "--to", "9999-12-31")[0].split()[-2:] == ["TRANSCRIPT_FETCH", "3"]
    stage, kind = livedash.refuses(("retry", "--stage", "NO_SUCH_STAGE"), ("retry", "--kind", "bad"))
    assert "TRANSCRIPT_FETCH" in stage
    assert "transient, permanent, lease_expired" in kind


def test_skipping_for_good_needs_a_reason_and_a_selection_and_a_retry_takes_it_back(
    livedash: CommandLine, engine: Engine, records: Records
) -> None:
    ids = failed(engine, records)
    reason = ("--reason", "the files are gone")

    def skip(*options: str) -> int:
        answer = livedash.json("skip", *reason, *options)
        assert list(answer) == ["dry_run", "skipped"]
        return int(answer["skipped"].get("TRANSCRIPT_FETCH", 0))

    assert skip("--dry-run", "--stage", "TRANSCRIPT_FETCH") == 7
    assert skip("--company", "Acme", "--kind", "transient") == 1
    assert skip("--session", "chat-0", "--session", ids[1]) == 2
    assert skip("--session", "chat-0") == 0
    assert livedash.json("status")["stages"]["TRANSCRIPT_FETCH"] == {
        "PENDING": 0, "IN_PROGRESS": 0, "COMPLETED": 0, "FAILED": 4, "SKIPPED": 3,
    }  # fmt: skip
    fetch = livedash.json("session", "chat-0")["stages"][1]
    assert fetch["metadata"] | {"skipped_by": ""} == {"reason": reason[1], "skipped_by": "", "failure": MESSAGE}
    assert fetch["metadata"]["skipped_by"]
    assert fetch["completed_at"]
    assert reason[1] in livedash("session", "chat-0")[0]
    assert livedash.json("retry", "--session", "chat-0")["reset"] == {"TRANSCRIPT_FETCH": 1}
    assert livedash.json("retry", "--skipped", "--dry-run")["reset"] == {"TRANSCRIPT_FETCH": 6}
    assert livedash.json("retry")["reset"] == {"TRANSCRIPT_FETCH": 4}
    assert livedash.json("retry", "--skipped")["reset"] == {"TRANSCRIPT_FETCH": 2}
    everything, without = livedash.refuses(
        ("skip", "--reason", "x"), ("skip", "--stage", "TRANSCRIPT_FETCH", "--reason", " ")
    )
    assert "--company" in everything
    assert "say why" in without


def test_retry_forecasts_the_cost_of_new_model_calls(livedash: CommandLine, records: Records) -> None:
    ids = records.sessions(records.company("Acme"), 2, completed_stages=3)
    with records.engine.begin() as connection:
        set_price(connection, "small", valid_from=NOON, input_=Decimal(1), output=Decimal(1))
        open_calls(connection, [PlannedCall(ids[0], uuid4(), "small", "1", 900, 100)], load_prices(connection))
        manager = ProcessingStatusManager(connection)
        claim = manager.claim("AI_ANALYSIS", 2)
        manager.fail("AI_ANALYSIS", claim.token, [Failure(one, "permanent", "no") for one in ids])

    for options in (("--dry-run",), ("--stage", "AI_ANALYSIS")):
        sentence = livedash("retry", *options)[0].splitlines()[-1]
        assert sentence == (
            "AI_ANALYSIS: a model call for each of 2 sessions costs $0.0010 at most, "
            "without 1 whose cost is not known; an unchanged session needs no call."
        )


def test_a_session_is_printed_with_its_messages_and_escape_sequences_are_replaced(
    livedash: CommandLine, acme: Publish
) -> None:
    server = acme(2)
    server.chats[1].messages[0] = ("User", "Wie beantrage ich Urlaub? [red]Rot[/red] \x1b[2J\x1b]0;gekapert\x07")
    livedash("process")
    found = livedash.json("session", "chat-0001")
    assert list(found) == ["session", "stages", "messages", "questions", "requests"]
    assert found["session"]["analyzer"] == "offline"
    assert [stage["stage"] for stage in found["stages"]] == list(BUILT_IN.names)
    assert found["messages"][0] == {
        "position": 1,
        "role": "User",
        "content": server.chats[1].messages[0][1],
        "sent_at": "2026-05-01T07:00:00+00:00",
    }
    shown, _ = livedash("session", found["session"]["id"])
    assert "User: Wie beantrage ich Urlaub? [red]Rot[/red]" in shown
    assert "\x1b" not in shown
    assert "\x07" not in shown
    assert "2026-05-01 07:00:00Z" in shown

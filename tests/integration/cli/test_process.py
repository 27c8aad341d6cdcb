from __future__ import annotations

import json

from sqlalchemy import Engine, select

from livedash_core.models import SessionImport
from livedash_core.operations.doctor import examine
from livedash_core.pipeline import BUILT_IN
from livedash_core.status import read_breakdown
from tests.integration.cli.company_server import Chat, conversation
from tests.integration.cli.conftest import CommandLine, Publish

COUNTS = ["claimed", "completed", "failed", "skipped", "released", "seconds"]


def numbers(report: dict[str, float]) -> tuple[float, ...]:
    """Without the seconds, which are nobody's promise."""
    assert list(report) == COUNTS
    return tuple(report[name] for name in COUNTS[:-1])


def test_all_stages_run_in_order_and_failures_are_printed(livedash: CommandLine, acme: Publish) -> None:
    silent = Chat(3, [("Assistant", "Grüezi!")], "/t/3.txt")
    acme([conversation(0), conversation(1), conversation(2), silent, Chat(4, []), Chat(5, [], "/t/5.txt")])
    out, err = livedash("process", code=1)

    rows = [
        line.split() for line in out.splitlines() if line.startswith(tuple(f" {stage}" for stage in BUILT_IN.names))
    ]
    assert [row[:-1] for row in rows] == [
        # claimed, completed, skipped, failed, released
        ["CSV_IMPORT", "6", "6", "0", "0", "0"],
        ["TRANSCRIPT_FETCH", "6", "4", "1", "1", "0"],
        ["SESSION_CREATION", "5", "4", "1", "0", "0"],
        ["AI_ANALYSIS", "5", "3", "2", "0", "0"],
        ["QUESTION_EXTRACTION", "5", "3", "2", "0", "0"],
    ]
    assert "…" not in out
    assert "━" not in out
    assert "/t/5.txt does not exist there" in err
    assert "`livedash failures`" in err


def test_an_unchanged_csv_is_reported(livedash: CommandLine, acme: Publish) -> None:
    server = acme(1)
    server.etag = '"v1"'
    first, _ = livedash("process", "--stage", "CSV_IMPORT")
    again, _ = livedash("process", "--stage", "CSV_IMPORT")
    line = "CSV_IMPORT: the CSV has not changed since it was last imported (Acme)"
    assert line not in first
    assert line in again
    assert numbers(livedash.json("process", "--stage", "CSV_IMPORT")["stages"]["CSV_IMPORT"]) == (0, 0, 0, 0, 0)


def test_options_select_the_sessions_to_process(livedash: CommandLine, acme: Publish, engine: Engine) -> None:
    server = acme(48)  # an hour apart, the first at 6:00 UTC on 1 May 2026
    stages = livedash.json("process", "--stage", "CSV_IMPORT", "--limit", "2")["stages"]
    assert {name: numbers(report) for name, report in stages.items()} == {"CSV_IMPORT": (48, 48, 0, 0, 0)}

    day = ("--from", "2026-05-02", "--to", "2026-05-02")
    stages = livedash.json("process", "--stage", "SESSION_CREATION", "--stage", "TRANSCRIPT_FETCH", *day)["stages"]
    assert {name: numbers(report) for name, report in stages.items()} == {
        "TRANSCRIPT_FETCH": (24, 24, 0, 0, 0),
        "SESSION_CREATION": (24, 24, 0, 0, 0),
    }
    with engine.connect() as connection:
        ours = connection.scalar(select(SessionImport.id).where(SessionImport.external_session_id == "chat-0047"))
    stages = livedash.json("process", "--session", "chat-0000", "--session", str(ours), "--company", "Acme")["stages"]
    assert [numbers(stages[stage])[:2] for stage in BUILT_IN.names] == [(0, 0), (2, 2), (2, 2), (2, 2), (2, 2)]
    assert server.requests == {"csv": 1, "transcript": 26}


def test_invalid_options_are_wrong_usage_and_the_valid_values_are_listed(livedash: CommandLine, acme: Publish) -> None:
    server = acme(1)
    stage, company, session, window = livedash.refuses(
        ("process", "--stage", "CSV_IMPORT", "--stage", "NO_SUCH_STAGE"),
        ("process", "--company", "Nobody"),
        ("process", "--session", "chat-x"),
        ("process", "--from", "2026-05-02", "--to", "2026-05-01"),
    )
    assert "'NO_SUCH_STAGE'" in stage
    assert ", ".join(BUILT_IN.names) in stage
    assert "'Nobody'" in company
    assert "livedash company list" in company
    assert "chat-x" in session
    assert window == "livedash: the first day, 2026-05-02, is after the last day, 2026-05-01\n"
    assert not server.requests


def test_two_concurrent_runs_share_the_sessions(livedash: CommandLine, acme: Publish, engine: Engine) -> None:
    server = acme(120)
    both = [livedash.start("process", "--json") for _ in range(2)]
    for process in both:
        livedash.finish(process)
    assert server.requests["transcript"] == 120
    with engine.connect() as connection:
        breakdown = read_breakdown(connection, BUILT_IN)
    assert breakdown.total_sessions == 120
    assert [counts["COMPLETED"] for counts in breakdown.stages.values()] == [120] * 5


def test_a_wrong_password_is_printed_once_stops_the_company_and_costs_no_attempt(
    livedash: CommandLine, acme: Publish, engine: Engine
) -> None:
    server = acme(40)
    livedash("process", "--stage", "CSV_IMPORT")
    wrong = livedash.with_environment({"AIRFLOW_CONN_ACME": '{"login": "jürgen", "password": "nope"}'})
    out, err = wrong("process", "--json", code=1)
    assert err.count("answered 401") == 2  # once for the CSV, once for the transcripts
    assert numbers(json.loads(out)["stages"]["TRANSCRIPT_FETCH"]) == (40, 0, 0, 0, 40)
    assert server.requests["refused"] <= 1 + 16  # the CSV, and what was under way at once

    assert [found["stage"] for found in json.loads(out)["incidents"]] == ["CSV_IMPORT", "TRANSCRIPT_FETCH"]
    assert "answered 401" in json.loads(out)["incidents"][0]["message"]
    incidents = livedash.json("doctor", code=1)
    assert [(found["check"], found["message"].partition(" is stopped since ")[0]) for found in incidents] == [
        ("incident", "CSV_IMPORT"),
        ("incident", "TRANSCRIPT_FETCH"),
    ]
    stages = livedash.json("process", "--limit", "3")["stages"]
    assert [report["claimed"] for report in stages.values()] == [0, 3, 3, 3, 3]
    with engine.connect() as connection:
        assert examine(connection, BUILT_IN) == []


def test_a_missing_connection_is_an_error_that_names_the_variable_to_set(livedash: CommandLine, acme: Publish) -> None:
    acme(1)
    _, line = livedash.with_environment({"AIRFLOW_CONN_ACME": ""})("process", "--stage", "CSV_IMPORT", code=1)
    assert "set AIRFLOW_CONN_ACME" in line
    assert "or AIRFLOW_HOME" in line


def test_a_connection_that_only_this_process_lacks_opens_no_incident(livedash: CommandLine, acme: Publish) -> None:
    acme(2)
    livedash("process", "--stage", "CSV_IMPORT")
    elsewhere = livedash.with_environment({"AIRFLOW_CONN_ACME": ""})
    printed = elsewhere.json("process", code=1)
    assert [found["stage"] for found in printed["incidents"]] == ["CSV_IMPORT", "TRANSCRIPT_FETCH"]
    assert livedash.json("doctor") == []


def test_every_command_prints_one_json_document(livedash: CommandLine, acme: Publish) -> None:
    acme(2)
    livedash("process")
    for command in (
        ("status",),
        ("failures",),
        ("session", "chat-0000"),
        ("retry",),
        ("costs",),
        ("company", "list"),
        ("price", "list"),
        ("process",),
        ("erase", "--session", "chat-0000"),
    ):
        livedash.json(*command)  # json.loads refuses anything before or after the document
    for command, code in ((("status", "--company", "Nobody"), 2), (("session", "chat-9999"), 2)):
        assert set(livedash.json(*command, code=code)) == {"error"}


def test_a_table_in_a_pipe_has_the_width_that_columns_names(livedash: CommandLine, acme: Publish) -> None:
    acme(1)
    assert max(map(len, livedash("status")[0].splitlines())) > 40
    narrow = livedash.with_environment({"COLUMNS": "40"})
    assert max(map(len, narrow("status")[0].splitlines())) <= 40

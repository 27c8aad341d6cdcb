"""`livedash topics`: groups, lists, changes, undoes and exports, as a person types it."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime

import pytest

from tests.integration.cli.conftest import CommandLine
from tests.integration.insights.topics.questions import Desk
from tests.integration.records import Records

NOW = datetime.now(UTC)
PAYSLIP, PAYDAY = "Where can I find my payslip?", "When is payday?"
HOSTILE = "=1+1 \x1b[31m what is [bold]this[/bold] thing"


@pytest.fixture
def desk(records: Records) -> Desk:
    desk = Desk(records)
    desk.ask(("en", PAYSLIP), sessions=3, started_at=NOW, outcome="HANDED_OVER")
    desk.ask(("nl", "Waar vind ik mijn loonstrook?"), ("en", "And the pension?"), started_at=NOW)
    desk.ask(("en", PAYDAY), sessions=5, started_at=NOW)
    desk.ask(("en", HOSTILE), started_at=NOW, outcome="UNRESOLVED")
    return desk


def test_topics_are_grouped_listed_changed_and_changed_back(livedash: CommandLine, desk: Desk) -> None:
    grouped = livedash.json("topics", "group", "--no-model")["Acme"]
    assert (grouped["questions"], grouped["follow_ups"], grouped["error"]) == (5, 1, None)
    listed = livedash.json("topics", "list", "--company", "Acme")["topics"]
    assert [(topic["name"], topic["sessions"], topic["company"]) for topic in listed] == [
        (PAYDAY, 5, "Acme"), (PAYSLIP, 4, "Acme"), (HOSTILE, 1, "Acme")]  # fmt: skip
    to_fix = livedash.json("topics", "list", "--fix-first")["topics"]
    assert [(topic["name"], topic["opportunity"]) for topic in to_fix] == [(PAYSLIP, 3), (HOSTILE, 1)]

    payslip, payday = str(desk.topic_of(PAYSLIP)), str(desk.topic_of(PAYDAY))
    counts = desk.counts()
    for change in (("rename", payslip, "Payslips"), ("pin", payday), ("hide", payslip), ("merge", payday, payslip)):
        said, _ = livedash("topics", *change)
        assert "To restore what was before: livedash topics undo" in said
    shown = livedash.json("topics", "show", payslip)
    assert [edit["verb"] for edit in shown["log"]] == ["merge", "hide", "rename"]
    assert {edit["made_by"].partition(" (")[2] for edit in shown["log"]} == {"command line)"}
    for edit in (4, 3, 2, 1):
        assert livedash("topics", "undo", str(edit))[0] == f"The change {edit} is undone.\n"
    assert desk.counts() == counts


def test_what_cannot_be_changed_is_one_sentence(livedash: CommandLine, desk: Desk) -> None:
    livedash("topics", "group", "--no-model")
    topic = str(desk.topic_of(PAYSLIP))
    said = livedash.refuses(
        ("topics", "show", "999"),
        ("topics", "rename", topic, " "),
        ("topics", "accept", "1", "2"),
    )
    assert all(line.startswith("livedash: ") for line in said)


def test_hostile_text_reaches_neither_the_terminal_nor_a_spreadsheet(livedash: CommandLine, desk: Desk) -> None:
    livedash("topics", "group", "--no-model")
    for command in (("list",), ("show", str(desk.topic_of(HOSTILE)))):
        out, _ = livedash("topics", *command)
        assert "\x1b" not in out
        assert "[bold]this[/bold]" in out
    markdown, _ = livedash("insights", "--md")
    assert "| Where can I find my payslip? | 3 | 0 | 3 |" in markdown
    assert "\x1b" not in markdown
    assert "\\[bold\\]" in markdown
    assert livedash.json("insights")["topics_to_fix_first"][0]["name"] == PAYSLIP
    rows = list(csv.DictReader(io.StringIO(livedash("topics", "export")[0])))
    assert {row["question"] for row in rows} == {PAYSLIP, f"'{HOSTILE}"}


def test_proposals_of_a_company_without_any_are_none(livedash: CommandLine, desk: Desk) -> None:
    assert livedash("topics", "proposals", "--company", "Acme")[0] == "No pair of questions waits for a person.\n"
    assert livedash.json("topics", "proposals", "--company", "Acme") == []

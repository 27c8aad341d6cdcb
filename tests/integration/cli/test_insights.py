"""`livedash insights` and `livedash analyse-again`, as a person or a scheduled task runs them."""

from __future__ import annotations

from sqlalchemy import Engine, insert

from livedash_core.insights import counted_questions, counted_sessions
from livedash_core.models import Question, Session, SessionQuestion
from tests.integration.cli.conftest import CommandLine
from tests.integration.records import NOON, Records


def test_the_three_answers_are_printed_and_old_sessions_are_analysed_again(
    livedash: CommandLine, engine: Engine, records: Records
) -> None:
    acme = records.company("Acme")
    records.company("Nothing yet")
    row = {"company_id": acme, "started_at": NOON, "ended_at": NOON, "analyzed_at": NOON, "sentiment": "NEGATIVE"}
    ids = records.sessions(acme, 4, completed_stages=5)
    with engine.begin() as connection, counted_sessions(connection, ids), counted_questions(connection, ids):
        ended = {"outcome": "UNRESOLVED", "missing": "NO_ANSWER", "category": "ONBOARDING"}
        connection.execute(insert(Session), [{"id": one, **row, **ended} for one in ids[:3]])
        connection.execute(insert(Session).values(id=ids[3], **row))
        hostile = "<b>|why</b> [me](x)?"
        asked = insert(Question).values(company_id=acme, content=hostile, normal_form="why", language="en")
        question_id = connection.scalar(asked.returning(Question.id))
        connection.execute(
            insert(SessionQuestion).values(session_id=ids[0], position=1, question_id=question_id, raw_text=hostile)
        )

    found = livedash.json("insights", "--company", "Acme")
    figures = {one["figure"]: one["sessions"] for one in found["how_is_it_going"]}
    assert figures == {"Sessions": 4, "Resolved": 0, "Handed over": 0, "Unresolved": 3, "Negative sentiment": 4}
    assert (found["from"], found["to"], found["not_analysed_for_outcome"]) == ("2026-02-01", "2026-03-02", 1)
    assert [one["question"] for one in found["what_do_people_ask"]] == [hostile]
    assert [(one["category"], one["unresolved"]) for one in found["what_to_fix_first"]] == [("ONBOARDING", 3)]
    output, _ = livedash("insights", "--from", "2026-03-02", "--to", "2026-03-02", "--md")
    assert "# Insights: all companies" in output
    assert "\\<b\\>\\|why" in output
    assert "<b>" not in output
    output, _ = livedash("insights", "--preset", "month")
    assert "see: livedash analyse-again --dry-run" in output
    assert livedash.json("insights", "--company", "Nothing yet")["sessions"] == 0

    forecast = livedash.json("analyse-again", "--dry-run")
    assert (forecast["sessions"], forecast["queued"]) == (1, 0)
    assert livedash.json("analyse-again", "--company", "Acme")["queued"] == 1
    assert livedash.json("analyse-again")["sessions"] == 0
    records.assert_stage(ids[3], "AI_ANALYSIS", "PENDING")
    records.assert_counts_equal_rows()

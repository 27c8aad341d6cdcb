"""The DAGs livedash_topics and livedash_topic_edit: what they store, and the reason of a run that is red."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.airflow.conftest import Run
from tests.integration.insights.topics.questions import Desk, TopicModel
from tests.integration.records import Records

#: An invented key.
KEY = "sk-topics-secret"
PAYSLIP = [("en", "Where can I find my payslip?"), ("nl", "Waar vind ik mijn loonstrook?")]


@pytest.fixture
def desk(records: Records) -> Desk:
    desk = Desk(records)
    for question in PAYSLIP:
        desk.ask(question)
    desk.ask(("en", "May I park here?"), ("en", "And the pension?"))
    return desk


def test_a_run_stores_topics_with_names_and_a_person_renames_one_and_undoes_it(run: Run, desk: Desk) -> None:
    with TopicModel(lambda _a, _b: False, lambda _group: "Payslips") as server:
        environment = asking(server.url)
        first = run("TOPICS", "manual", {"company": desk.name}, environment=environment)
        assert first.state == "success", first.log
        assert first.states() == {"group": "success"}
        asked = len(server.bodies)
        # Without changes a scheduled run does nothing again.
        assert run("TOPICS", "scheduled", environment=environment).state == "success"
        assert len(server.bodies) == asked > 0

    assert [question for _, question in PAYSLIP] in desk.topics()
    topic = desk.topic_of(PAYSLIP[0][1])
    assert name_of(desk, topic) == ("Payslips", "model")
    desk.assert_counts_equal_a_recount()

    rename: dict[str, Any] = {"verb": "rename", "topic": topic, "name": "Where payslips are"}
    changed = run("TOPIC_EDIT", "manual", {"change": rename})
    assert changed.state == "success", changed.log
    assert name_of(desk, topic) == ("Where payslips are", "person")
    ((change, by),) = desk.query("SELECT id, made_by FROM livedash.topic_edit")
    assert by == "dag_test"  # the user who started the run, for Airflow's `dag.test()`
    assert run("TOPIC_EDIT", "manual", {"change": {"verb": "undo", "change": change}}).state == "success"
    assert name_of(desk, topic) == ("Payslips", "model")


def test_a_form_that_names_no_company_makes_the_run_red_and_says_so(run: Run, desk: Desk) -> None:
    finished = run("TOPICS", "manual", {"company": "Acmee"})

    assert (finished.state, finished.tasks) == ("failed", {"group": ["failed", 1]})
    assert any("Acmee" in error for error in finished.errors()), finished.log
    assert desk.topics() == []


def test_a_model_that_cannot_be_reached_makes_the_run_red_after_the_rule_has_grouped(run: Run, desk: Desk) -> None:
    finished = run("TOPICS", "manual", {}, environment=asking("http://127.0.0.1:9/v1"))

    assert finished.state == "failed"
    assert any(error.startswith("Acme: ") for error in finished.errors()), finished.log
    assert KEY not in str(finished.log)
    assert [question for _, question in PAYSLIP] in desk.topics()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (None, "the change cannot be read"),
        ({"verb": "rename", "topic": 10**9, "name": "x"}, f"there is no topic {10**9}"),
    ],
)
def test_an_invalid_change_makes_the_run_red_with_its_reason_and_changes_nothing(
    run: Run, desk: Desk, change: dict[str, Any] | None, reason: str
) -> None:
    desk.group()
    finished = run("TOPIC_EDIT", "manual", {"change": change})

    assert (finished.state, finished.tasks) == ("failed", {"edit": ["failed", 1]})
    assert any(reason in error for error in finished.errors()), finished.log
    assert desk.query("SELECT 1 FROM livedash.topic_edit") == []


def asking(url: str) -> dict[str, str]:
    """The environment of a task that asks the model server at an address."""
    return {
        "LIVEDASH_ANALYZER": "openai",
        "LIVEDASH_MODEL": "m",
        "OPENAI_BASE_URL": url,
        "OPENAI_API_KEY": KEY,
    }


def name_of(desk: Desk, topic: int) -> tuple[str, str]:
    ((name, named_by),) = desk.query("SELECT name, named_by FROM livedash.topic WHERE id = :topic", topic=topic)
    return name, named_by

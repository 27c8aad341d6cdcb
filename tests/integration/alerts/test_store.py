"""When an alert is sent, and when not: levels, snoozes, errors, ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Connection

from livedash_core.alerts import evaluation
from livedash_core.alerts.evaluation import evaluate
from livedash_core.alerts.messages import write_messages
from livedash_core.alerts.store import END_IS_NEWS, HISTORY, list_alerts, record_delivery, snooze, unsnooze
from livedash_core.errors import UsageError
from livedash_core.pipeline import BUILT_IN
from livedash_core.settings import Settings
from tests.integration.alerts.faults import Fault, World, lost_batch, paused_import


def step(world: World, *, error: str | None = None, **later: float) -> list[str]:
    """Evaluate and send with the notifier "mail", some time later; the changes that were sent."""
    world.now += timedelta(**later)
    evaluate(world.engine, BUILT_IN, Settings(), now=world.now, stopped_dags=lambda: world.stopped_dags)
    with world.engine.begin() as connection:
        alerts = list_alerts(connection, with_ended_since=world.now - END_IS_NEWS, steady_at=world.now)
        sent = write_messages(alerts, "mail", None)
        for message in sent:
            record_delivery(connection, "mail", message.alerts, world.now, error)
    return [message.data["change"] for message in sent]


def spend(world: World, percent: int) -> None:
    world.execute("UPDATE livedash.company SET monthly_budget_usd = CAST(:budget AS numeric)", budget=6000 / percent)


def test_a_budget_is_sent_at_50_80_and_100_percent_and_when_it_is_raised(world: World) -> None:
    acme = world.company(monthly_budget_usd=1000)
    world.costs(acme, world.now, 60)
    assert step(world) == []
    changes = []
    for percent in (50, 50, 70, 81, 85, 100, 130, 40, 40):
        spend(world, percent)
        changes.append(step(world))
    assert changes == [["begun"], [], [], ["worse"], [], ["worse"], [], ["ended"], []]


def test_a_budget_that_was_raised_is_reported_again_when_it_is_used_up_again(world: World) -> None:
    acme = world.company(monthly_budget_usd=1000)
    world.costs(acme, world.now, 60)
    changes = []
    for percent in (100, 55, 100):
        spend(world, percent)
        changes.append(step(world))
    assert changes == [["begun"], [], ["worse"]]


def test_an_exhausted_budget_is_the_budget_s_alert_although_some_of_it_is_left(world: World) -> None:
    acme = world.company(monthly_budget_usd=100)
    world.costs(acme, world.now, 97)
    world.due(acme, world.ago(days=1), completed_stages=3)
    world.incident("AI_ANALYSIS", acme, "Acme's budget has no room for another call", kind="budget")
    step(world)
    with world.engine.connect() as connection:
        assert [(alert.rule, alert.level) for alert in list_alerts(connection)] == [("budget", 3)]


def test_the_message_names_the_day_on_which_the_budget_runs_out(world: World, connection: Connection) -> None:
    acme = world.company(monthly_budget_usd=100)
    for days in range(1, 8):
        world.costs(acme, world.ago(days=days), 8)
    step(world)
    (alert,) = list_alerts(connection)
    # USD 44 are left on 15 June, and 8 are spent a day.
    assert "At the rate of the last 7 days it runs out on 2026-06-20." in alert.message


def test_the_next_month_ends_the_budget_s_alert(world: World) -> None:
    acme = world.company(monthly_budget_usd=100)
    world.costs(acme, world.now, 60)
    assert step(world) == ["begun"]
    assert step(world, days=20) == ["ended"]


def test_what_could_not_be_sent_is_sent_by_the_next_evaluation(world: World, connection: Connection) -> None:
    lost_batch(world)
    assert step(world, error="451 password=hunter2 try later") == ["begun"]
    (alert,) = list_alerts(connection)
    assert alert.errors == {"mail": "451 password=*** try later"}
    assert alert.notified_at is None
    assert step(world, minutes=5) == ["begun"]
    assert step(world, minutes=5) == []
    (alert,) = list_alerts(connection)
    assert alert.errors == {}
    assert alert.notified_at == world.now - timedelta(minutes=5)


def test_what_ended_before_it_could_be_sent_is_never_sent(world: World) -> None:
    repair = lost_batch(world)
    step(world, error="down")
    repair()
    assert step(world, minutes=5) == []


def test_a_fact_that_comes_back_is_a_new_alert(world: World) -> None:
    repair = paused_import(world)
    assert step(world) == ["begun"]
    repair()
    assert step(world, minutes=5) == ["ended"]
    world.stopped_dags["livedash_csv_import"] = "is paused"
    assert step(world, minutes=5) == ["begun"]


@pytest.mark.parametrize("stage", ["CSV_IMPORT", "AI_ANALYSIS"])
def test_a_source_that_fails_by_turns_is_sent_once_and_its_end_when_it_stays_up(world: World, stage: str) -> None:
    acme = world.company()
    world.due(acme, world.ago(days=-9), completed_stages=3)  # unfinished, and not due

    def fails() -> list[str]:
        world.incident(stage, acme, "it answers 503")
        return step(world, minutes=5)

    def works(**later: float) -> list[str]:
        world.end_incident(stage, acme)
        return step(world, **later)

    assert fails() == ["begun"]
    for _ in range(8):
        assert works(minutes=15) == []
        with world.engine.connect() as connection:
            assert list_alerts(connection) == [], "a page shows at once that it works"
        assert fails() == []
    with world.engine.connect() as connection:
        assert len(list_alerts(connection, with_ended_since=world.now - timedelta(days=1))) == 1
    assert works(minutes=5) == []
    assert works(minutes=29) == []
    assert works(minutes=1) == ["ended"]
    assert works(minutes=5) == []
    assert fails() == ["begun"]


def test_a_source_that_failed_for_a_moment_before_it_could_be_sent_is_sent_when_it_fails_again(world: World) -> None:
    acme = world.company()
    world.incident("CSV_IMPORT", acme, "it answers 503")
    assert step(world, error="down") == ["begun"]
    world.end_incident("CSV_IMPORT", acme)
    assert step(world, minutes=5) == []
    world.incident("CSV_IMPORT", acme, "it answers 503")
    assert step(world, minutes=5) == ["begun"]


def test_a_snoozed_alert_is_silent_until_the_time_is_over(world: World, connection: Connection) -> None:
    repair = lost_batch(world)
    assert step(world) == ["begun"]
    (alert,) = list_alerts(connection)
    snooze(connection, alert.id, world.now + timedelta(hours=2), "ann", "the provider knows")
    assert step(world, hours=1) == []
    assert list_alerts(connection)[0].snoozed_by == "ann"
    assert step(world, hours=1) == ["begun"], "it is still open"
    assert list_alerts(connection)[0].snoozed_by is None
    assert step(world, hours=1) == []
    snooze(connection, alert.id, world.now + timedelta(hours=2), "ann", None)
    repair()
    assert step(world, minutes=5) == ["ended"]


def test_an_alert_that_is_snoozed_before_it_could_be_sent_is_silent(world: World, connection: Connection) -> None:
    lost_batch(world)
    step(world, error="down")
    (alert,) = list_alerts(connection)
    snooze(connection, alert.id, world.now + timedelta(hours=2), "ann", None)
    assert step(world, minutes=5) == []
    assert step(world, hours=2) == ["begun"]


def test_a_snoozed_alert_is_sent_when_it_becomes_worse(world: World, connection: Connection) -> None:
    acme = world.company(monthly_budget_usd=100)
    world.costs(acme, world.now, 60)
    step(world)
    (alert,) = list_alerts(connection)
    snooze(connection, alert.id, world.now + timedelta(days=9), "ann", None)
    assert step(world, minutes=5) == []
    spend(world, 90)
    assert step(world, minutes=5) == ["worse"]


def test_an_alert_that_is_no_longer_snoozed_is_not_sent_twice(world: World, connection: Connection) -> None:
    lost_batch(world)
    step(world)
    (alert,) = list_alerts(connection)
    snooze(connection, alert.id, world.now + timedelta(days=9), "ann", None)
    unsnooze(connection, alert.id)
    assert step(world, minutes=5) == []


@pytest.mark.parametrize("alert_id", [0, -1, 4711, 2**70])
def test_an_alert_that_is_not_open_cannot_be_snoozed(world: World, connection: Connection, alert_id: int) -> None:
    with pytest.raises(UsageError, match="livedash alerts list"):
        snooze(connection, alert_id, world.now, "ann", None)


def test_sixty_companies_are_one_message(world: World, connection: Connection) -> None:
    for number in range(60):
        world.name = f"Company {number:02}"
        world.incident("CSV_IMPORT", world.company(), f"{world.name} does not answer")
    assert step(world) == ["begun"]
    (message,) = write_messages(list_alerts(connection), "another", "https://airflow.example")
    assert message.subject.endswith("Company 00, Company 01, Company 02 and 57 others, CSV_IMPORT")
    assert message.text.count("does not answer") == 20
    assert message.text.endswith("And 40 others: livedash alerts list")


def test_a_company_that_is_archived_has_no_alert_any_more(world: World) -> None:
    world.incident("CSV_IMPORT", world.company(), "down")
    assert step(world) == ["begun"]
    world.execute("UPDATE livedash.company SET status = 'ARCHIVED'")
    assert step(world) == []
    assert step(world, minutes=30) == ["ended"]


def test_without_an_answer_of_airflow_a_paused_dag_stays_paused(world: World, connection: Connection) -> None:
    paused_import(world)
    step(world)
    evaluate(world.engine, BUILT_IN, Settings(), now=world.now)
    assert [alert.rule for alert in list_alerts(connection)] == ["paused"]


@pytest.mark.parametrize("fault", [lost_batch, paused_import])
@pytest.mark.parametrize("was_open", [False, True])
def test_facts_older_than_those_of_the_last_evaluation_change_nothing(
    world: World, connection: Connection, monkeypatch: pytest.MonkeyPatch, fault: Fault, was_open: bool
) -> None:
    repair = fault(world)
    if was_open:
        step(world)
        world.now += timedelta(minutes=5)

    def be_overtaken(*arguments: Any) -> Any:
        """The facts are read, and before they are recorded, another worker reads that the fault is gone."""
        monkeypatch.undo()
        repair()
        evaluate(world.engine, BUILT_IN, Settings(), now=world.ago(seconds=-1), stopped_dags=lambda: {})
        return evaluation.find(*arguments)

    monkeypatch.setattr(evaluation, "find", be_overtaken)
    evaluate(world.engine, BUILT_IN, Settings(), now=world.now, stopped_dags=lambda: dict(world.stopped_dags))
    assert list_alerts(connection) == []


def test_what_airflow_said_before_another_evaluation_changes_nothing(world: World, connection: Connection) -> None:
    paused_import(world)

    def ask() -> dict[str, str]:
        answer = dict(world.stopped_dags)
        world.now += timedelta(seconds=1)
        evaluate(world.engine, BUILT_IN, Settings(), now=world.now, stopped_dags=dict)
        return answer

    evaluate(world.engine, BUILT_IN, Settings(), now=world.now, stopped_dags=ask)
    assert list_alerts(connection) == []


def test_ended_alerts_are_forgotten_in_time(world: World, connection: Connection) -> None:
    repair = lost_batch(world)
    step(world)
    repair()
    step(world)
    longest = timedelta(days=4000)
    assert len(list_alerts(connection, with_ended_since=world.now - longest)) == 1
    step(world, seconds=HISTORY.total_seconds() + 1)
    assert list_alerts(connection, with_ended_since=world.now - longest) == []


def test_a_server_that_reads_in_part_explains_no_wait(world: World, connection: Connection) -> None:
    world.execute(
        """
        INSERT INTO livedash.model_server
            (server, model, response_format, reply_limit, instructions_role, sent_tokens, read_tokens)
        VALUES ('http://127.0.0.1', 'small', 'json_schema', 'max_tokens', 'system', 9000, 4096)
        """
    )
    world.due(world.company(), world.ago(hours=1), completed_stages=3)
    step(world)
    assert [alert.rule for alert in list_alerts(connection)] == ["idle"]


def test_unknown_companies_in_the_totals_are_ignored(world: World) -> None:
    world.costs(uuid4(), world.now, 60)
    assert step(world) == []

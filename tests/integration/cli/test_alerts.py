"""`livedash alerts`, and what other commands say about open alerts."""

from __future__ import annotations

import json
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import Connection

from livedash_core.status.incidents import open_incident
from tests.integration.alerts.receivers import TOKEN, Webhook
from tests.integration.cli.conftest import CommandLine
from tests.integration.records import Records

WEBHOOK = "livedash_core.airflow.webhook_notifier.WebhookNotifier"


@pytest.fixture
def stopped(connection: Connection, records: Records) -> UUID:
    """A company whose source is down."""
    company = records.company("Acme \x1b[31m", csv_url="https://acme.example/x.csv")
    open_incident(connection, "CSV_IMPORT", company, "acme.example does not answer")
    return company


def test_alerts_are_evaluated_listed_snoozed_and_mentioned(livedash: CommandLine, stopped: UUID) -> None:
    assert livedash.json("alerts", "list") == {"evaluated_at": None, "alerts": []}
    assert "have not been evaluated yet" in livedash("alerts", "list")[0]

    (alert,) = livedash.json("alerts", "list", "--evaluate")["alerts"]
    assert (alert["rule"], alert["stage"], alert["snoozed_until"]) == ("source", "CSV_IMPORT", None)
    listed = livedash("alerts", "list")[0]
    assert listed.startswith(f"{alert['id']}. a source cannot be read, since ")
    assert "acme.example does not answer" in listed
    assert "\x1b" not in listed
    assert "1 alert is open: livedash alerts list" in livedash("status")[0]
    assert "alerts: 1 alert is open: livedash alerts list" in livedash("doctor", code=1)[0]

    number = str(alert["id"])
    assert "Snoozed until" in livedash("alerts", "snooze", number, "--hours", "2", "--reason", "a\nb")[0]
    (snoozed,) = livedash.json("alerts", "list")["alerts"]
    assert snoozed["snooze_reason"] == "a b"
    assert snoozed["snoozed_by"]
    livedash("alerts", "unsnooze", number)
    assert livedash.json("alerts", "list")["alerts"][0]["snoozed_until"] is None


def test_an_alert_that_is_not_open_is_wrong_usage(livedash: CommandLine) -> None:
    for words in livedash.refuses(("alerts", "snooze", "4711"), ("alerts", "unsnooze", "4711")):
        assert "there is no open alert 4711; see: livedash alerts list" in words


@pytest.mark.parametrize(
    ("setting", "complaint"),
    [
        ("", "LIVEDASH_ALERT_NOTIFIERS is not set here"),
        ("mailto:x", "LIVEDASH_ALERT_NOTIFIERS is invalid: Value error, it is no JSON; an example is [{"),
        ("{}", "LIVEDASH_ALERT_NOTIFIERS is invalid"),
        ('[{"class": "x"}]', "LIVEDASH_ALERT_NOTIFIERS is invalid"),
        ('[{"class": "a.b", "password": "hunter2"}]', "LIVEDASH_ALERT_NOTIFIERS is invalid"),
        ('[{"class": "os.system", "arguments": ["hunter2"]}]', "LIVEDASH_ALERT_NOTIFIERS is invalid"),
    ],
)
def test_a_wrong_setting_is_one_sentence_without_its_value(livedash: CommandLine, setting: str, complaint: str) -> None:
    changed = livedash.with_environment({"LIVEDASH_ALERT_NOTIFIERS": setting})
    out, err = changed("alerts", "test", code=1)
    assert out == ""
    assert complaint in err
    assert "hunter2" not in err


@pytest.mark.airflow
def test_a_test_message_is_sent_with_airflow_s_connection(livedash: CommandLine, tmp_path: Path) -> None:
    notifiers = [
        {"class": WEBHOOK},
        {"class": WEBHOOK, "name": "other", "arguments": {"conn_id": "no_such_connection"}},
        {"class": "os.system", "name": "no notifier"},
        {"class": WEBHOOK, "name": "wrong", "arguments": {"no_such_argument": "s3cret-argument"}},
    ]
    with Webhook() as webhook:
        changed = livedash.with_environment(
            {
                "AIRFLOW_HOME": str(tmp_path),
                "AIRFLOW_CONN_LIVEDASH_ALERTS": webhook.connection(),
                "LIVEDASH_ALERT_NOTIFIERS": json.dumps(notifiers),
            }
        )
        out, err = changed("alerts", "test", "--json", code=1)
    assert [post["subject"] for post in webhook.posts] == ["LiveDash: test of the alerts"]
    results = json.loads(out)
    assert results.pop("WebhookNotifier") is None
    assert "no_such_connection" in results["other"]
    assert "no notifier of Airflow" in results["no notifier"]
    assert "no_such_argument" in results["wrong"]
    assert TOKEN not in out + err
    assert "s3cret-argument" not in out + err

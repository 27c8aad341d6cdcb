"""The DAG livedash_alerts with real receivers: what is sent, how often, and what is never in it."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, text

from livedash_core.alerts.store import list_alerts
from livedash_core.status.incidents import close_incidents, open_incident
from tests.integration.airflow.conftest import Run
from tests.integration.alerts.receivers import PASSWORD, TOKEN, Webhook, mailbox
from tests.integration.records import Records

HOSTILE = "Acme {{ 7 * 1117 }} <b onclick=x>&\u202e @everyone\u2028Bcc: all@example.com"
NOTIFIERS = [
    {
        "class": "airflow.providers.smtp.notifications.smtp.SmtpNotifier",
        "arguments": {"to": "ops@example.com", "from_email": "livedash@example.com"},
        "name": "mail",
    },
    {"class": "livedash_core.airflow.webhook_notifier.WebhookNotifier"},
    {
        "class": "livedash_core.airflow.webhook_notifier.WebhookNotifier",
        "name": "chat",
        "arguments": {"payload": {"content": "{{ livedash.text }}"}},
    },
]


def test_a_fact_is_sent_once_and_once_more_when_it_ends(
    run: Run, records: Records, connection: Connection, airflow_home: Path
) -> None:
    acme = records.company(HOSTILE)
    words = f"{HOSTILE}'s server said:\r\nBcc: all@example.com {{{{ 7 * 1117 }}}}"
    open_incident(connection, "CSV_IMPORT", acme, words)
    with mailbox() as box, Webhook() as webhook:
        environment = {
            "LIVEDASH_ALERT_NOTIFIERS": json.dumps(NOTIFIERS),
            "AIRFLOW_CONN_SMTP_DEFAULT": box.connection(),
            "AIRFLOW_CONN_LIVEDASH_ALERTS": webhook.connection(),
            "AIRFLOW__API__BASE_URL": "https://airflow.example/under/",
        }
        first = run("ALERTS", "scheduled", environment=environment)
        assert first.state == "success", first.log
        assert first.says("1 alerts are open, 3 messages were sent")
        assert run("ALERTS", "scheduled", environment=environment).says("0 messages were sent")

        (mail,) = box.messages
        assert mail["Subject"].startswith("LiveDash: a source cannot be read: Acme {{ 7 * 1117 }} ‹b onclick=x›& @ eve")
        assert (mail["To"], mail["Bcc"]) == ("ops@example.com", None)
        html = mail.get_body(("html",)).get_content()
        assert f'href="https://airflow.example/under/livedash/?company={acme}"' in html
        assert "<b" not in html
        assert "7819" not in html
        assert "{{ 7 * 1117 }}" in html

        posted, chat = webhook.posts
        assert (posted["change"], posted["rule"], posted["stage"]) == ("begun", "source", "CSV_IMPORT")
        assert "@everyone" not in posted["text"]
        assert chat == {"content": posted["text"]}

        # The end is sent when it has lasted. Two receivers refuse it: they get it later, the other one only once.
        close_incidents(connection, "CSV_IMPORT", [acme], for_everyone=False)
        assert run("ALERTS", "scheduled", environment=environment).says("0 messages were sent")
        connection.execute(text("UPDATE livedash.alert SET ended_at = ended_at - interval '30 minutes'"))
        box.refuses, webhook.status = "451 try later", 500
        failed = run("ALERTS", "scheduled", environment=environment)
        assert failed.state == "failed"
        assert any("mail could not send alerts" in error for error in failed.errors())
        assert any("the webhook of the connection livedash_alerts answered 500" in error for error in failed.errors())
        box.refuses = None
        assert run("ALERTS", "scheduled", environment=environment).state == "failed"
        webhook.status = 200
        assert run("ALERTS", "scheduled", environment=environment).state == "success"
        assert run("ALERTS", "scheduled", environment=environment).says("0 messages were sent")
        assert [mail["Subject"].partition(":")[0] for mail in box.messages] == ["LiveDash", "LiveDash, ended"]
        assert [post.get("change") for post in webhook.posts] == ["begun", None, "ended", None]
        assert list_alerts(connection) == []

        # A server that is gone, and a class that is not installed.
        open_incident(connection, "CSV_IMPORT", acme, "down")
        unreachable = json.dumps({"conn_type": "generic", "host": f"http://127.0.0.1:9/{TOKEN}"})
        missing = json.dumps([*NOTIFIERS[1:2], {"class": "no_such.package.Notifier"}])
        gone = environment | {"AIRFLOW_CONN_LIVEDASH_ALERTS": unreachable, "LIVEDASH_ALERT_NOTIFIERS": missing}
        failed = run("ALERTS", "scheduled", environment=gone)
        assert failed.state == "failed"
        assert any("cannot be reached: ConnectError" in error for error in failed.errors())
        assert any("no_such.package.Notifier, which is not installed" in error for error in failed.errors())
        (alert,) = list_alerts(connection)
        assert set(alert.errors) == {"WebhookNotifier", "Notifier"}

    stored = str(connection.execute(text("SELECT * FROM livedash.alert")).all())
    logged = b"".join(path.read_bytes() for path in airflow_home.rglob("*") if path.is_file()).decode(errors="replace")
    for secret in (PASSWORD, TOKEN):
        assert secret not in stored
        assert secret not in logged


def test_a_paused_dag_is_reported_until_it_is_unpaused(
    run: Run, records: Records, connection: Connection, airflow_home: Path
) -> None:
    run("CSV_IMPORT", "scheduled")  # Airflow lists a DAG after it has run
    run("RETENTION", "scheduled")
    records.company("Acme", csv_url="https://127.0.0.1:9/x.csv")

    def pause(value: int) -> None:
        with sqlite3.connect(airflow_home / "airflow.db") as metadata:
            metadata.execute("UPDATE dag SET is_paused = ? WHERE dag_id = 'livedash_csv_import'", [value])
        metadata.close()

    pause(1)
    assert run("ALERTS", "scheduled").state == "success"
    (alert,) = list_alerts(connection)
    assert (alert.rule, alert.page) == ("paused", "dags/livedash_csv_import")
    assert alert.message.startswith("The DAG livedash_csv_import is paused: no CSV is imported")

    pause(0)
    assert run("ALERTS", "scheduled").state == "success"
    assert list_alerts(connection) == []

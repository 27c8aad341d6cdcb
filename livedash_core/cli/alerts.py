"""`livedash alerts …`: the open alerts, a test of the notifiers, and snoozing."""

from __future__ import annotations

import getpass
import os
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from livedash_core.alerts.evaluation import evaluate
from livedash_core.alerts.messages import plain
from livedash_core.alerts.rules import TITLES
from livedash_core.alerts.store import OpenAlert, last_evaluation, list_alerts
from livedash_core.alerts.store import snooze as snooze_alert
from livedash_core.alerts.store import unsnooze as unsnooze_alert
from livedash_core.cli.context import database
from livedash_core.cli.options import Json
from livedash_core.cli.output import complain, print_json, say
from livedash_core.errors import LocalConfigurationError
from livedash_core.local.environment import LocalInstallation
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings

app = typer.Typer(help="Facts that need a person, and who is notified.", no_args_is_help=True)
Id = Annotated[int, typer.Argument(metavar="ID", help="As `livedash alerts list` shows it.")]
#: The longest snooze, a year: what is silent for longer should be corrected.
MAX_HOURS = 8_784


@app.command("list")
def list_(
    evaluate_first: Annotated[
        bool, typer.Option("--evaluate", help="Evaluate the rules first, as the DAG does; nothing is sent.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List the open alerts, oldest first."""
    settings = Settings()
    with database(settings) as engine:
        if evaluate_first:
            evaluate(engine, load_pipeline(), settings)
        with engine.connect() as connection:
            alerts, evaluated = list_alerts(connection), last_evaluation(connection)
    if as_json:
        print_json({"evaluated_at": evaluated, "alerts": [_as_dict(alert) for alert in alerts]})
        return
    for alert in alerts:
        say(f"{alert.id}. {TITLES.get(alert.rule, alert.rule)}, since {_utc(alert.since)}")
        say(f"   {plain(alert.message)}")
        say(f"   {alert.advice}")
        say(f"   {plain(alert.command)}")
        if alert.snoozed_until:
            reason = f": {plain(alert.snooze_reason)}" if alert.snooze_reason else ""
            say(f"   Snoozed until {_utc(alert.snoozed_until)} by {plain(alert.snoozed_by or '')}{reason}")
        for notifier, error in alert.errors.items():
            complain(f"   {notifier} could not send this: {error}")
    if evaluated is None:
        say("The rules have not been evaluated yet: unpause the DAG livedash_alerts, or add --evaluate.")
    else:
        say(f"{'No alert is open' if not alerts else f'{len(alerts):,} open'}; evaluated {_utc(evaluated)}.")


def _as_dict(alert: OpenAlert) -> dict[str, Any]:
    columns = ("id", "rule", "company", "stage", "level", "message", "advice", "page", "command", "since")
    states = ("first_seen_at", "notified_at", "snoozed_until", "snoozed_by", "snooze_reason", "errors")
    return {name: getattr(alert, name) for name in (*columns, *states)}


@app.command("test")
def send_test_message(as_json: Json = False) -> None:
    """Send a test message with every notifier of LIVEDASH_ALERT_NOTIFIERS, with the connections of Airflow."""
    settings = Settings()
    if not settings.alert_notifiers:
        raise LocalConfigurationError(
            "LIVEDASH_ALERT_NOTIFIERS is not set here, so no alert is sent; docs/alerts.md has examples"
        )
    installation = LocalInstallation(settings.home)
    if "AIRFLOW_HOME" not in os.environ and settings.database_url is None and installation.exists():
        os.environ.update(installation.airflow_environment())
    # Airflow logs to standard output when it is imported, where the command's results belong.
    with redirect_stdout(sys.stderr):
        # Imported here: Airflow takes seconds to import.
        from livedash_core.airflow.alerts import send_test

        results = send_test(settings)
    if as_json:
        print_json(results)
    else:
        for notifier, error in results.items():
            if error:
                complain(f"{notifier} could not send: {error}")
            else:
                say(f"{notifier}: sent.")
    if any(results.values()):
        raise typer.Exit(1)


@app.command()
def snooze(
    alert: Id,
    hours: Annotated[int, typer.Option(min=1, max=MAX_HOURS, help="For so many hours.")] = 24,
    reason: Annotated[str | None, typer.Option(help="Why, for the others.")] = None,
) -> None:
    """Send nothing about an open alert for a while, unless it becomes worse or ends; then send it if it is open."""
    until = datetime.now(UTC) + timedelta(hours=hours)
    with database(Settings()) as engine, engine.begin() as connection:
        found = snooze_alert(connection, alert, until, getpass.getuser(), plain(reason) if reason else None)
    say(f"Snoozed until {_utc(until)}: {plain(found.message)}")


@app.command()
def unsnooze(alert: Id) -> None:
    """End the snooze of an alert."""
    with database(Settings()) as engine, engine.begin() as connection:
        found = unsnooze_alert(connection, alert)
    say(f"No longer snoozed: {plain(found.message)}")


def _utc(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%MZ}"

"""`livedash status`, `failures`, `notes`, `rejections`, `session`, `doctor`: read-only commands."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from livedash_core.alerts.store import count_open, open_alerts
from livedash_core.cli.context import database, scope_of
from livedash_core.cli.options import Company, Json, Stages
from livedash_core.cli.output import (
    breakdown_table,
    complain,
    console,
    print_json,
    print_table,
    say,
    shown,
    status_text,
)
from livedash_core.db import snapshot
from livedash_core.operations.rejections import CsvFindings, csv_findings, list_rejections
from livedash_core.operations.sessions import describe_session, find_session
from livedash_core.operations.transcript_notes import count_noted, list_noted
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings
from livedash_core.stages.csv_import.merge import STAGE as CSV_IMPORT
from livedash_core.status import ProcessingStatusManager
from livedash_core.status.incidents import cause_sentence, group_by_cause, list_incidents
from livedash_core.words import count_of

SHOWN_FAILURES = 50


def status(company: Company = None, as_json: Json = False) -> None:
    """Show the number of sessions per stage and status."""
    with database(Settings()) as engine:
        scope = scope_of(engine, company=company)
        with engine.connect() as connection:
            manager = ProcessingStatusManager(connection, pipeline=load_pipeline())
            breakdown = manager.get_pipeline_status(scope.company_ids)
            incidents = list_incidents(connection)
            noted = count_noted(connection, scope.company_ids)
            findings = csv_findings(connection, scope.company_ids)
            alerts = count_open(connection)
    if as_json:
        print_json(breakdown.as_dict())
        return
    console.print(breakdown_table(breakdown, count_of(breakdown.total_sessions, "session")))
    shown_incidents = [incident for incident in incidents if company is None or incident.company in (None, company)]
    for group in group_by_cause(shown_incidents):
        complain(cause_sentence(group), style="red" if group[0].kind == "systemic" else "yellow")
    _complain_of(findings)
    if noted:
        say(f"The transcripts of {noted:,} sessions were read with doubts: livedash notes")
    if alerts:
        say(open_alerts(alerts))


def notes(company: Company = None, as_json: Json = False) -> None:
    """List the sessions whose transcript was read with doubts, and why, newest first."""
    with database(Settings()) as engine:
        scope = scope_of(engine, company=company)
        with engine.connect() as connection:
            noted = list_noted(connection, scope.company_ids, limit=None if as_json else SHOWN_FAILURES)
            total = count_noted(connection, scope.company_ids)
    if as_json:
        print_json([found._asdict() for found in noted])
        return
    if not noted:
        say("No transcript in this selection was read with doubts.")
        return
    print_table(
        ("company", "session", "notes"),
        ((found.company, found.external_session_id, "; ".join(found.notes)) for found in noted),
        title=f"{total} read with doubts" + (f", the newest {len(noted)}" if total > len(noted) else ""),
    )


def failures(stage: Stages = None, company: Company = None, as_json: Json = False) -> None:
    """List the failed sessions with their errors, newest first."""
    with database(Settings()) as engine:
        scope = scope_of(engine, stages=stage, company=company)
        with engine.connect() as connection:
            manager = ProcessingStatusManager(connection, pipeline=load_pipeline())
            failed = manager.get_failed_sessions(scope, limit=None if as_json else SHOWN_FAILURES)
            total = sum(
                counts["FAILED"]
                for name, counts in manager.get_pipeline_status(scope.company_ids).stages.items()
                if stage is None or name in stage
            )
            findings = csv_findings(connection, scope.company_ids) if not stage or CSV_IMPORT in stage else []
    if as_json:
        print_json([failure._asdict() for failure in failed])
        return
    _complain_of(findings)
    if not failed:
        say("There are no failed sessions in this selection.")
        return
    print_table(
        ("stage", "company", "session", "attempts", "kind", "message"),
        (
            (
                found.stage,
                found.company,
                found.external_session_id,
                found.attempts,
                found.error_kind,
                found.error_message,
            )
            for found in failed
        ),
        title=f"{total} failed" + (f", the newest {len(failed)}" if total > len(failed) else ""),
    )


def rejections(company: Company = None, as_json: Json = False) -> None:
    """List the lines of companies' CSVs that were not taken, with the reasons; all of them as JSON."""
    with database(Settings()) as engine:
        scope = scope_of(engine, company=company)
        with engine.connect() as connection:
            lines = list(list_rejections(connection, scope.company_ids, limit=None if as_json else SHOWN_FAILURES))
            findings = csv_findings(connection, scope.company_ids)
    if as_json:
        print_json([line._asdict() for line in lines])
        return
    if lines:
        total = sum(found.rejected for found in findings)
        print_table(
            ("company", "line", "times", "reason", "text", "since"),
            (
                (line.company, line.line_number, line.occurrences, line.reason, line.raw_text[:200], line.rejected_at)
                for line in lines
            ),
            title=f"{total} rejected" + (f", the first {len(lines)}" if total > len(lines) else ""),
        )
    else:
        say("No line was rejected in this selection.")
    for found in findings:
        for note in found.notes:
            say(f"{found.company}: {note}")


def session(session_id: Annotated[str, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """Show one session, by its id or external id: stages, messages, questions, requests."""
    with database(Settings()) as engine, engine.connect() as connection:
        found = describe_session(connection, find_session(connection, session_id), load_pipeline())
    if as_json:
        print_json(found)
        return
    about = Table(show_header=False, box=None)
    about.add_column(style="dim")
    about.add_column(overflow="fold")
    for name, value in found["session"].items():
        if value is not None:
            about.add_row(name, Text(shown(value)))
    console.print(about)
    print_table(
        ("stage", "status", "attempts", "completed", "error or reason"),
        (
            (
                stage["stage"],
                status_text(stage["status"]),
                stage["attempts"],
                stage["completed_at"],
                stage["error_message"] or (stage["metadata"] or {}).get("reason"),
            )
            for stage in found["stages"]
        ),
        title="stages",
    )
    for message in found["messages"]:
        console.print(Text.assemble((f"{message['role']}: ", "bold"), shown(message["content"])), soft_wrap=True)
    for question in found["questions"]:
        console.print(Text(shown(f"{question['position']}. {question['raw_text']}"), style="cyan"), soft_wrap=True)
    if found["requests"]:
        columns = (
            "requested_at",
            "model_requested",
            "model_answered",
            "outcome",
            "prompt_tokens",
            "completion_tokens",
            "cost",
        )
        print_table(
            columns, ([request[column] for column in columns] for request in found["requests"]), title="requests"
        )


def doctor(as_json: Json = False) -> None:
    """Check for problems: stopped stages, unreachable companies, stuck leases, orphans."""
    # Imported here, because it needs the parsers, which take longer to import than what the other commands need.
    from livedash_core.operations.doctor import examine

    # On one snapshot, because counts are compared with the rows that they count while stages run.
    with database(Settings()) as engine, snapshot(engine) as connection:
        findings = examine(connection, load_pipeline())
    if as_json:
        print_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            say(f"{finding.check}: {finding.message}")
        if not any(finding.is_problem for finding in findings):
            say("No problems were found.")
    if any(finding.is_problem for finding in findings):
        raise typer.Exit(1)


def _complain_of(findings: list[CsvFindings]) -> None:
    for found in findings:
        if found.rejected:
            complain(found.sentence, style="yellow")

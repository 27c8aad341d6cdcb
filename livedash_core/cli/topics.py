"""`livedash topics`: what people ask, and what a person changes about it."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

import typer
from sqlalchemy import Connection

from livedash_core.cli.context import database
from livedash_core.cli.grouped import print_grouped
from livedash_core.cli.options import Company, From, Json, To
from livedash_core.cli.output import print_json, print_table, say
from livedash_core.db import in_transaction
from livedash_core.errors import UsageError
from livedash_core.insights.periods import Period
from livedash_core.insights.reading import first_and_last_day
from livedash_core.insights.topics import curation, reading
from livedash_core.insights.topics.page import read_topic
from livedash_core.insights.topics.proposals import Proposal, list_proposals
from livedash_core.insights.topics.unanswered import UnansweredQuestion, unanswered_questions
from livedash_core.operations.companies import company_id, list_companies
from livedash_core.operations.topics import group_questions
from livedash_core.parsing.spreadsheet import spreadsheet_line
from livedash_core.settings import Settings

app = typer.Typer(help="Topics: the questions of a company grouped by meaning.", no_args_is_help=True)
Topic = Annotated[int, typer.Argument(metavar="TOPIC", help="The topic's id.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, metavar="N", help="At most N.")]
Off = Annotated[bool, typer.Option("--off", help="End it.")]
_DAYS = 30


@app.command()
def group(
    company: Company = None,
    no_model: Annotated[bool, typer.Option("--no-model", help="Do not call a model, which costs money.")] = False,
    as_json: Json = False,
) -> None:
    """Group the questions that are new since the last time; `livedash process` does so at its end."""
    with database(Settings()) as engine:
        with engine.connect() as connection:
            whose = company_id(connection, company) if company else None
        done = dict(group_questions(engine, Settings(), whose, with_model=not no_model))
    if as_json:
        print_json({name: grouped.as_dict() for name, grouped in done.items()})
    else:
        print_grouped(done)
    if any(grouped.error for grouped in done.values()):
        raise typer.Exit(1)


@app.command("list")
def list_(
    company: Company = None,
    first_day: From = None,
    last: To = None,
    fix_first: Annotated[
        bool, typer.Option("--fix-first", help="By the sessions that were not resolved, the most first.")
    ] = False,
    limit: Limit = 25,
    as_json: Json = False,
) -> None:
    """List the topics with the most sessions, of the last 30 days with sessions unless days are given."""
    with database(Settings()) as engine, engine.connect() as connection:
        companies = _companies(connection, company)
        period = _period(connection, list(companies), first_day, last)
        read = reading.fix_first if fix_first else reading.list_topics
        topics = read(connection, list(companies), period, limit=limit)
    if as_json:
        print_json(
            {
                "from": period.first,
                "to": period.last,
                "topics": [
                    {**asdict(topic), "company": companies[topic.company_id], "opportunity": topic.opportunity}
                    for topic in topics
                ],
            }
        )
        return
    print_table(
        ("id", "company", "topic", "sessions", "before", "not resolved", "share", "questions"),
        (
            (
                topic.id,
                companies[topic.company_id],
                f"{topic.name}{' (pinned)' if topic.pinned else ''}",
                topic.sessions,
                topic.sessions_before,
                topic.opportunity,
                f"{topic.share:.0%}",
                topic.questions,
            )
            for topic in topics
        ),
        title=f"Topics from {period.first} to {period.last} (UTC)",
    )


@app.command()
def show(topic: Topic, as_json: Json = False) -> None:
    """Show a topic: its wordings with their ids, its newest chats, its proposals and its log."""
    with database(Settings()) as engine, engine.connect() as connection:
        page = read_topic(connection, topic, Period(date(1970, 1, 1), date(9000, 1, 1)))
    found = page.topic
    if as_json:
        parts = {name: [_facts(row) for row in getattr(page, name)] for name in page._fields if name != "topic"}
        print_json({"topic": _facts(found), **parts})
        return
    marks = "".join(f", {mark}" for mark in ("pinned", "hidden") if getattr(found, mark))
    say(
        f"{found.shown_name} ({found.company}{marks}): {found.questions:,} questions, {found.sessions:,} sessions, "
        f"{found.unresolved:,} unresolved, {found.handed_over:,} handed over"
    )
    wordings = ((row.id, row.language, row.sessions, row.placed_by, row.content) for row in page.wordings)
    print_table(("question", "language", "sessions", "placed by", "wording"), wordings)
    print_table(("session", "started", "summary"), ((row.id, row.started_at, row.summary) for row in page.chats))
    _print_proposals(page.proposals)
    log = ((row.id, row.made_at, row.made_by, row.verb, row.undone_at) for row in page.log)
    print_table(("change", "made at", "by", "what", "undone at"), log)


@app.command()
def proposals(
    company: Annotated[str, typer.Option("--company", help="This company.")], limit: Limit = 25, as_json: Json = False
) -> None:
    """List pairs of questions that may be the same and wait for a person, the most similar first."""
    with database(Settings()) as engine, engine.connect() as connection:
        found = list_proposals(connection, company_id(connection, company), limit=limit)
    if as_json:
        print_json([proposal._asdict() for proposal in found])
    elif found:
        _print_proposals(found)
    else:
        say("No pair of questions waits for a person.")


@app.command()
def rename(topic: Topic, name: Annotated[str, typer.Argument(help="The new name.")]) -> None:
    """Give a topic another name; no model changes it."""
    _change(lambda connection, by: curation.rename(connection, topic, name, by=by))


@app.command()
def merge(topic: Topic, into: Annotated[int, typer.Argument(metavar="INTO", help="The topic that remains.")]) -> None:
    """Put all questions of a topic into another one."""
    _change(lambda connection, by: curation.merge(connection, topic, into, by=by))


@app.command()
def split(
    topic: Topic,
    question: Annotated[list[int], typer.Option("--question", help="The id of a question; repeatable.")],
    name: Annotated[str | None, typer.Option("--name", help="The name of the new topic.")] = None,
) -> None:
    """Put some questions of a topic into a new one."""
    _change(lambda connection, by: curation.split(connection, topic, question, by=by, name=name))


@app.command()
def move(
    question: Annotated[int, typer.Argument(metavar="QUESTION", help="The question's id.")],
    topic: Annotated[int, typer.Argument(metavar="TOPIC", help="The topic that it belongs to.")],
) -> None:
    """Put a question into another topic."""
    _change(lambda connection, by: curation.move(connection, question, topic, by=by))


@app.command()
def pin(topic: Topic, off: Off = False) -> None:
    """Show a topic first."""
    _change(lambda connection, by: curation.mark(connection, topic, by=by, pinned=not off))


@app.command()
def hide(topic: Topic, off: Off = False) -> None:
    """Leave a topic out of lists and exports; its counts stay."""
    _change(lambda connection, by: curation.mark(connection, topic, by=by, hidden=not off))


@app.command()
def accept(first: int, second: int) -> None:
    """Merge the topics of two questions that are proposed as the same."""
    _change(lambda connection, by: curation.decide(connection, first, second, same=True, by=by))


@app.command()
def reject(first: int, second: int) -> None:
    """Keep two questions apart that are proposed as the same."""
    _change(lambda connection, by: curation.decide(connection, first, second, same=False, by=by))


@app.command()
def undo(change: Annotated[int, typer.Argument(metavar="CHANGE", help="The id of the change in the log.")]) -> None:
    """Restore what was before a change."""
    with database(Settings()) as engine:
        in_transaction(engine, lambda connection: curation.undo(connection, change, by=_who()))
    say(f"The change {change} is undone.")


@app.command()
def export(company: Company = None, first_day: From = None, last: To = None) -> None:
    """Print the questions whose sessions were not resolved as a CSV, in which no cell is a formula to a spreadsheet."""
    with database(Settings()) as engine, engine.connect() as connection:
        companies = _companies(connection, company)
        period = _period(connection, list(companies), first_day, last)
        sys.stdout.write(spreadsheet_line(UnansweredQuestion._fields))
        for question in unanswered_questions(connection, list(companies), period):
            sys.stdout.write(spreadsheet_line(question))


def _change(change: Callable[[Connection, str], int]) -> None:
    with database(Settings()) as engine:
        edit = in_transaction(engine, lambda connection: change(connection, _who()))
    say(f"Done. To restore what was before: livedash topics undo {edit}")


def _who() -> str:
    """The user of this machine."""
    try:
        return f"{getpass.getuser()} (command line)"
    except (OSError, KeyError):  # a container's user may have no name
        return "command line"


def _companies(connection: Connection, name: str | None) -> dict[UUID, str]:
    if name is not None:
        return {company_id(connection, name): name}
    return {company_id(connection, company["name"]): company["name"] for company in list_companies(connection)}


def _period(connection: Connection, companies: list[UUID], first: date | None, last: date | None) -> Period:
    """The days given, or the 30 days that end with the latest session."""
    latest = (first_and_last_day(connection, companies) or (date.max, date.max))[1]
    until = last or min(latest, datetime.now(UTC).date())
    since = first or until - timedelta(days=_DAYS - 1)
    if since > until:
        raise UsageError(f"the first day, {since}, is after the last day, {until}")
    return Period(since, until)


def _print_proposals(found: list[Proposal]) -> None:
    print_table(
        ("first", "second", "similarity", "first question", "second question", "why it waits"),
        (
            (each.first_id, each.second_id, f"{each.similarity:.2f}", each.first, each.second, each.reason)
            for each in found
        ),
    )


def _facts(row: Any) -> dict[str, Any]:
    return dict(row._mapping) if hasattr(row, "_mapping") else row._asdict()

"""`livedash insights` and `livedash analyse-again`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer
from sqlalchemy import select

from livedash_core.cli.context import database, scope_of
from livedash_core.cli.options import Company, From, Json, To
from livedash_core.cli.output import print_json, print_table, say
from livedash_core.costs import describe_forecast
from livedash_core.db import snapshot
from livedash_core.errors import UsageError
from livedash_core.insights.markdown import as_markdown, changed
from livedash_core.insights.periods import PRESETS, Preset
from livedash_core.insights.reading import AskedQuestion, first_and_last_day, top_questions
from livedash_core.insights.report import Report, chosen_period, read_report
from livedash_core.insights.topics.reading import fix_first, list_topics
from livedash_core.models import Company as CompanyRow
from livedash_core.operations.companies import company_id
from livedash_core.operations.reanalysis import analyse_again as reopen
from livedash_core.operations.reanalysis import find_analysed
from livedash_core.parsing.days import day_window
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings

QUESTIONS = 15


def insights(
    company: Company = None,
    first_day: From = None,
    last_day: To = None,
    preset: Annotated[
        str | None,
        typer.Option(help=f"Instead of days, up to the latest session: {', '.join(PRESETS)}. Default: 30 days."),
    ] = None,
    as_json: Json = False,
    as_md: Annotated[bool, typer.Option("--md", help="Print Markdown.")] = False,
) -> None:
    """How is it going, what do people ask, what to fix first: the Insights page as text, for a mail."""
    if as_json and as_md:
        raise UsageError("choose --json or --md")
    if preset is not None and (preset not in PRESETS or first_day or last_day):
        raise UsageError(f"choose one of {', '.join(PRESETS)} with --preset, or days with --from and --to")
    day_window(first_day, last_day)
    chosen: Preset | None = next((one for one in PRESETS if one == preset), None)
    today = datetime.now(UTC).date()
    with database(Settings()) as engine, snapshot(engine) as connection:
        ids = [company_id(connection, company)] if company else list(connection.scalars(select(CompanyRow.id)))
        days = first_and_last_day(connection, ids)
        period = chosen_period(days, today, first_day, last_day, chosen)
        report = read_report(connection, ids, period, days, today=today)
        questions = top_questions(connection, ids, period, limit=QUESTIONS)
        topics = list_topics(connection, ids, period, limit=QUESTIONS)
        to_fix = fix_first(connection, ids, period, limit=QUESTIONS)
    if as_json:
        of_topics = {"topics": topics, "topics_to_fix_first": to_fix}
        as_dicts = {name: [asdict(topic) for topic in listed] for name, listed in of_topics.items()}
        print_json(_as_dict(report, questions, company) | as_dicts)
    elif as_md:
        sys.stdout.write(as_markdown(report, questions, company or "all companies", topics, to_fix))
    else:
        _print(report, questions)
        for title, listed in (("Topics", topics), ("Topics to fix first", to_fix)):
            rows = [(topic.id, topic.name, topic.sessions, topic.opportunity) for topic in listed]
            print_table(("id", "topic", "sessions", "not resolved"), rows, title=title)


def analyse_again(
    company: Company = None,
    first_day: From = None,
    last_day: To = None,
    version: Annotated[
        list[str] | None,
        typer.Option(
            "--version",
            help="Only sessions analysed with this version of a prompt or of the rules; repeatable. Default: the "
            "sessions that were not analysed for their outcome.",
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most N sessions, the newest.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count them and forecast the cost.")] = False,
    as_json: Json = False,
) -> None:
    """Queue analysed sessions for another analysis; the next run of AI_ANALYSIS analyses them.

    Repeat it to continue: a session that is queued or has been analysed again is not chosen a second time.
    """
    pipeline = load_pipeline()
    with database(Settings()) as engine:
        scope = scope_of(engine, company=company, first_day=first_day, last_day=last_day)
        with engine.connect() as connection:
            ids = find_analysed(connection, scope, versions=version, limit=limit)
            forecast = describe_forecast(connection, ids)
        queued = 0 if dry_run else reopen(engine, ids, pipeline, versions=version)
    if as_json:
        print_json({"dry_run": dry_run, "sessions": len(ids), "queued": queued, "forecast": forecast})
    elif not ids:
        say("There are no such sessions of active companies.")
    else:
        say(f"{len(ids):,} sessions would be analysed again." if dry_run else f"{queued:,} sessions are queued.")
        say(f"{forecast[:1].upper()}{forecast[1:]}.")


def _as_dict(report: Report, questions: list[AskedQuestion], company: str | None) -> dict[str, Any]:
    now = report.now
    return {
        "company": company,
        "from": report.period.first,
        "to": report.period.last,
        "compared_from": report.period.before.first,
        "compared_to": report.period.before.last,
        "partial": list(report.partial),
        "sessions": now.sessions,
        "analysed": now.analysed,
        "not_analysed_for_outcome": now.without_outcome,
        "median_duration_seconds": now.duration(),
        "median_response_seconds": now.response_time(),
        "how_is_it_going": [
            {
                "figure": figure.key,
                "sessions": figure.sessions,
                "share": round(figure.share, 4),
                "sessions_before": figure.sessions_before,
                "share_before": round(figure.share_before, 4),
                "comparable": figure.comparable,
            }
            for figure in report.figures
        ],
        "what_do_people_ask": [
            {"question": question.content, "question_id": question.id, "sessions": question.sessions}
            for question in questions
        ],
        "what_to_fix_first": [
            {
                "category": one.category,
                "sessions": one.sessions,
                "unresolved": one.unresolved,
                "handed_over": one.handed_over,
                "not_resolved_before": one.opportunity_before,
            }
            for one in report.categories_to_fix
        ],
        "missing": now.values.get("missing", {}),
    }


def _print(report: Report, questions: list[AskedQuestion]) -> None:
    period, before = report.period, report.period.before
    say(f"Sessions that started from {period.first} to {period.last}, compared with {before.first} to {before.last}.")
    for sentence in report.partial:
        say(sentence)
    rows = [(one.key, one.sessions, f"{one.share:.0%}", changed(one, report)) for one in report.figures]
    print_table(("figure", "sessions", "share", "change"), rows, title="How is it going?")
    asked = [(question.content, question.sessions) for question in questions]
    print_table(("question", "sessions"), asked, title="What do people ask?")
    fixes = [(one.category, one.opportunity, one.unresolved, one.handed_over) for one in report.categories_to_fix]
    print_table(("category", "not resolved", "unresolved", "handed over"), fixes, title="What to fix first?")
    if report.now.without_outcome:
        say(
            f"{report.now.without_outcome:,} sessions were not analysed for their outcome; see: livedash analyse-again "
            "--dry-run"
        )

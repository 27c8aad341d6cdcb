"""`livedash erase`."""

from __future__ import annotations

import sys
from datetime import date
from typing import Annotated

import typer

from livedash_core.cli.context import database
from livedash_core.cli.options import Company, Json
from livedash_core.cli.output import print_json, say
from livedash_core.errors import UsageError
from livedash_core.operations.companies import company_id
from livedash_core.operations.erasure import Erased, count_erasable, erase_company, erase_session
from livedash_core.operations.sessions import find_session
from livedash_core.parsing.days import parse_day, start_of_day
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings
from livedash_core.words import count_of


def erase(
    session: Annotated[str | None, typer.Option("--session", help="This session, by its id or external id.")] = None,
    company: Company = None,
    before: Annotated[
        date | None,
        typer.Option(
            parser=parse_day, metavar="DATE", help="Only sessions of the company that started before this day (UTC)."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count the sessions.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before a company's sessions are erased.")] = False,
    as_json: Json = False,
) -> None:
    """Erase content permanently: messages, transcripts, raw rows, summaries, questions and failure texts.

    Counts and costs stay, and later imports ignore erased sessions. With --session, --company names its company.
    Erasing a company's sessions asks first; --yes answers the question in a script.
    """
    if session is None and company is None:
        raise UsageError("give --session ID, or --company NAME with or without --before DATE")
    if session is not None and before is not None:
        raise UsageError("--before only applies to --company, not to --session")
    stages = load_pipeline()
    with database(Settings()) as engine:
        with engine.connect() as connection:
            whose = company_id(connection, company) if company is not None else None
            found = find_session(connection, session, whose) if session is not None else None
        until = start_of_day(before) if before else None
        with engine.connect() as connection:
            sessions = count_erasable(connection, session_id=found, company_id=whose, before=until)
        if dry_run:
            if as_json:
                print_json({"dry_run": True, "sessions": sessions})
            else:
                say(f"{count_of(sessions, 'session')} would be erased.")
            return
        if found is not None:
            erased = erase_session(engine, found, stages)
        else:
            assert whose is not None
            if not yes and sessions:
                _confirm(f"Erase the content of {count_of(sessions, 'session')} of {company} for good?")
            erased = erase_company(engine, whose, until, stages)
    if as_json:
        print_json(erased.as_dict())
    else:
        say(_summary(erased))


def _confirm(question: str) -> None:
    """Ask on the terminal. Raises ``UsageError`` if there is none, or if the answer is no."""
    if not sys.stdin.isatty():
        raise UsageError(f"{question} There is no terminal to answer on: add --yes, or look first with --dry-run")
    if not typer.confirm(question, err=True):
        raise UsageError("nothing was erased")


def _summary(erased: Erased) -> str:
    if not any(erased.as_dict().values()):
        return "There was nothing to erase."
    return (
        f"Erased: {count_of(erased.sessions, 'session')} with {count_of(erased.messages, 'message')} and "
        f"{count_of(erased.transcripts, 'transcript')}, {count_of(erased.questions, 'question')} that no other session "
        f"has, {count_of(erased.rejections, 'rejected CSV line')}."
    )

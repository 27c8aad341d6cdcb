"""`livedash erase`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from livedash_core.cli.context import database
from livedash_core.cli.output import print_json, say
from livedash_core.cli.processing import Company, Json
from livedash_core.errors import UsageError
from livedash_core.operations.companies import company_id
from livedash_core.operations.erasure import Erased, erase_company, erase_session
from livedash_core.operations.sessions import find_session
from livedash_core.pipeline import load_pipeline
from livedash_core.settings import Settings


def erase(
    session: Annotated[str | None, typer.Option("--session", help="This session, by our id or the source's.")] = None,
    company: Company = None,
    before: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Only sessions of the company that started before this day (UTC)."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Erase what was said: messages, transcripts, raw rows, summaries, questions and failure texts; for good.

    Counts and costs stay, and the next import leaves what was erased alone. With --session, --company says whose.
    """
    if session is None and company is None:
        raise UsageError("say what to erase: --session ID, or --company NAME, with --before DATE or all of it")
    if session is not None and before is not None:
        raise UsageError("--before is for a company's sessions; a session is erased whenever it was")
    stages = load_pipeline()
    with database(Settings()) as engine:
        with engine.connect() as connection:
            whose = company_id(connection, company) if company is not None else None
            wanted = find_session(connection, session, whose) if session is not None else None
        if wanted is not None:
            erased = erase_session(engine, wanted, stages)
        else:
            assert whose is not None
            erased = erase_company(engine, whose, before.replace(tzinfo=UTC) if before else None, stages)
    if as_json:
        print_json(erased.as_dict())
    else:
        say(_told(erased))


def _told(erased: Erased) -> str:
    if not any(erased.as_dict().values()):
        return "Nothing was left there to erase."
    return (
        f"Erased: {erased.sessions} sessions with {erased.messages} messages and {erased.transcripts} transcripts, "
        f"{erased.questions} questions that nobody else asked, {erased.rejections} rejected CSV lines."
    )


COMMANDS = (erase,)

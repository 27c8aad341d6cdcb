"""The options that several commands have."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from livedash_core.enums import ERROR_KINDS
from livedash_core.parsing.days import parse_day

Stages = Annotated[list[str] | None, typer.Option("--stage", help="Only this stage; repeatable.")]
Company = Annotated[str | None, typer.Option("--company", help="Only this company.")]
From = Annotated[
    date | None,
    typer.Option("--from", parser=parse_day, metavar="DATE", help="Only sessions started on this day (UTC) or later."),
]
To = Annotated[
    date | None,
    typer.Option("--to", parser=parse_day, metavar="DATE", help="Only sessions started on this day (UTC) or earlier."),
]
Sessions = Annotated[
    list[str] | None, typer.Option("--session", help="Only this session, by its id or external id; repeatable.")
]
Kinds = Annotated[
    list[str] | None, typer.Option("--kind", help=f"Only failures of this kind: {', '.join(ERROR_KINDS)}.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]

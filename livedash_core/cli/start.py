"""`livedash start`: checks the environment, then becomes another program."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from livedash_core.errors import UsageError
from livedash_core.operations.startup import check_environment

#: Options after the program are the program's.
CONTEXT_SETTINGS = {"ignore_unknown_options": True, "allow_interspersed_args": False}


def start(
    program: Annotated[list[str], typer.Argument(metavar="PROGRAM…", help="Program and arguments: airflow scheduler.")],
) -> None:
    """Start a component of Airflow, after a check of its variables, databases and broker."""
    check_environment(program, os.environ)
    try:
        os.execvp(program[0], program)  # noqa: S606 - the program that the operator names
    except OSError as error:
        raise UsageError(f"{program[0]} cannot be started: {error.strerror}") from error

"""The `livedash` command and its handling of errors."""

from __future__ import annotations

import signal
import sys
from typing import Annotated, NoReturn

import typer

from livedash_core.cli.commands import LazyGroup
from livedash_core.cli.output import complain, fit_columns, limit_logging, print_json, say
from livedash_core.errors import LiveDashError, UsageError

app = typer.Typer(
    name="livedash",
    cls=LazyGroup,
    help="Processes chatbot sessions from a CSV to analysed sessions and their questions.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(given: bool) -> None:
    if given:
        from importlib.metadata import version  # here, because only this option needs it

        say(f"livedash {version('livedash-pipeline')}")
        raise typer.Exit


@app.callback()
def options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Process chatbot sessions, from a CSV to analysed sessions and their questions."""


def main() -> None:
    """Run the command line. Exit code 0: done, 1: something failed, 2: wrong usage, 128 + N: ended by signal N.

    An expected error prints one sentence.
    """
    limit_logging()
    # By default SIGTERM skips context managers, and the embedded server would go on running.
    signal.signal(signal.SIGTERM, _exit_on_signal)
    fit_columns()
    try:
        _check_arguments(sys.argv)
        app()
    except LiveDashError as error:
        _fail(str(error), exit_code=2 if isinstance(error, UsageError) else 1)
    except Exception as error:
        # Imported here: it needs SQLAlchemy and pydantic, which a command without an error may not need.
        from livedash_core.cli.failures import sentences

        if not (described := sentences(error)):
            raise
        _fail(*described)


def _fail(*sentences: str, exit_code: int = 1) -> NoReturn:
    """End the program; with ``--json`` the sentences are also the JSON document on standard output."""
    for sentence in sentences:
        complain(f"livedash: {sentence}")
    if "--json" in sys.argv:
        print_json({"error": " ".join(sentences)})
    sys.exit(exit_code)


def _exit_on_signal(number: int, _frame: object) -> None:
    sys.exit(128 + number)


def _check_arguments(arguments: list[str]) -> None:
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        raise UsageError("an argument is not text in UTF-8") from None

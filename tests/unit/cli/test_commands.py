"""What the help lists is what the modules of the commands say."""

from __future__ import annotations

import inspect

import pytest
import typer

from livedash_core.cli.app import app
from livedash_core.cli.commands import COMMANDS, GROUPS

NAMES = [*(name for lines in COMMANDS.values() for name in lines), *GROUPS]


@pytest.mark.parametrize("name", NAMES)
def test_a_listed_line_is_the_first_of_the_help_of_the_command(name: str) -> None:
    livedash = typer.main.get_command(app)
    listed = livedash.commands[name].help
    livedash.load(name)
    command = livedash.commands[name]

    assert listed == inspect.cleandoc(command.help).split("\n\n")[0]
    assert command.name == name
    assert command.callback or command.commands, "the line of the help was not replaced"


def test_every_command_is_listed_once() -> None:
    assert len(NAMES) == len(set(NAMES))
    assert list(typer.main.get_command(app).commands) == NAMES


def test_an_unknown_name_loads_nothing() -> None:
    livedash = typer.main.get_command(app)
    livedash.load("statsu")
    assert list(livedash.commands) == NAMES

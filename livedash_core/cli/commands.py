"""The commands: their lines in the help, and the modules that define them, imported when a command is chosen."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

#: The modules and their commands, in the order of the help, with the first line of a command's help. It is written here
#: because reading it there would import the module; a test compares the two.
COMMANDS = {
    "processing": {
        "process": "Run all stages in order, or the given ones, without Airflow.",
    },
    "failed_sessions": {
        "retry": "Reset failed sessions to PENDING, with all attempts.",
        "skip": "Skip failed sessions for good, with a reason: their next stage is due, and no retry takes them.",
    },
    "insights": {
        "insights": "How is it going, what do people ask, what to fix first: the Insights page as text, for a mail.",
        "analyse-again": "Queue analysed sessions for another analysis; the next run of AI_ANALYSIS analyses them.",
    },
    "inspection": {
        "status": "Show the number of sessions per stage and status.",
        "failures": "List the failed sessions with their errors, newest first.",
        "notes": "List the sessions whose transcript was read with doubts, and why, newest first.",
        "rejections": "List the lines of companies' CSVs that were not taken, with the reasons; all of them as JSON.",
        "session": "Show one session, by its id or external id: stages, messages, questions, requests.",
        "doctor": "Check for problems: stopped stages, unreachable companies, stuck leases, orphans.",
    },
    "preview": {
        "preview": "Show how a CSV is read, which rows would be imported, and three transcripts. Nothing is stored.",
    },
    "costs": {
        "costs": "Show the costs of model calls, in US dollars, and separately the calls whose cost is unknown.",
    },
    "capacity": {
        "plan": "Print workers, database size, connections and API costs, calculated from the figures of "
        "the benchmarks.",
    },
    "migration": {
        "migrate": "Migrate a livedash-node database: companies, sessions, messages, questions, costs and the "
        "status of each stage.",
    },
    "erasure": {
        "erase": "Erase content permanently: messages, transcripts, raw rows, summaries, questions and failure texts.",
    },
    "access": {
        "access-log": "List who read a conversation on the pages or exported a list, newest first; all of it as "
        "CSV or JSON.",
    },
    "start": {
        "start": "Start a component of Airflow, after a check of its variables, databases and broker.",
    },
    "up": {
        "up": "Run the whole product on this machine: PostgreSQL, sample source, Airflow. Ctrl-C stops everything.",
    },
}
#: Each group with its module, whose ``app`` it is, and its help.
GROUPS = {
    "db": ("schema", "The database schema."),
    "company": ("companies", "The companies whose chats are processed."),
    "price": ("costs", "Prices of models, and currency rates."),
    "topics": ("topics", "Topics: the questions of a company grouped by meaning."),
    "alerts": ("alerts", "Facts that need a person, and who is notified."),
}


class LazyGroup(TyperGroup):
    """Lists the commands without importing them, and imports a command when it is chosen.

    The help and the completion of a command's name show what is listed.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        commands = {name: (module, line) for module, lines in COMMANDS.items() for name, line in lines.items()}
        self._modules = {name: module for name, (module, _) in (commands | GROUPS).items()}
        for name, (_, line) in (commands | GROUPS).items():
            self.add_command(TyperCommand(name, help=line))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Import the command that ``args`` begin with: Typer runs it, or completes its options."""
        self.load(args[0])
        return super().resolve_command(ctx, args)

    def load(self, name: str) -> None:
        """Replace a listed command by the command itself, from its module. Does nothing for an unknown name."""
        if name not in self._modules:
            return
        module = import_module(f"livedash_core.cli.{self._modules[name]}")
        if name in GROUPS:
            command: Any = typer.main.get_group(module.app)
            command.name = name
        else:
            app = typer.Typer(add_completion=False)
            settings = getattr(module, "CONTEXT_SETTINGS", None)
            app.command(name, context_settings=settings)(getattr(module, name.replace("-", "_")))
            command = typer.main.get_command(app)
        self.add_command(command)

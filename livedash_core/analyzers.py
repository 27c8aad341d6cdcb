"""The analyzers of this installation. Settings, commands, the run form, pages and the stage derive from them.

A definition is light data: the analyzer itself is imported when a session needs it. A package adds an analyzer with an
entry point of the group ``livedash.analyzers`` that loads an ``AnalyzerDefinition`` (docs/analyzers.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from livedash_core.entry_points import installed
from livedash_core.errors import ConfigurationError

ENTRY_POINTS = "livedash.analyzers"
#: The choice of the installation's default: the model if there is a key or a server of one's own, otherwise the
#: offline rules.
AUTO = "auto"


@dataclass(frozen=True, slots=True)
class AnalyzerDefinition:
    """One analyzer.

    ``implementation`` is the function or class that creates the analyzer from an ``AnalyzerContext``, or its import
    path ``package.module:name``. ``title`` is its name on pages. ``asks_model``: it needs the name of a model, and its
    calls are billed. ``batch_watcher`` is the import path of the function that creates an adapter which polls and
    cancels batches (``analysis.batches``); None: the analyzer has no batches.
    """

    name: str
    implementation: str | Any
    title: str
    asks_model: bool = False
    batch_watcher: str | None = None

    def analyzed_by(self, model: str | None) -> str:
        """The analyzer and its model, for a sentence on a page."""
        return f"{self.title} {model or self.name}" if self.asks_model else self.title


@dataclass(frozen=True)
class Analyzers:
    """The analyzers by name. Raises ``ConfigurationError`` for a name that is taken or reserved."""

    definitions: tuple[AnalyzerDefinition, ...]

    def __post_init__(self) -> None:
        names = [definition.name for definition in self.definitions]
        for name in names:
            if name == AUTO or names.count(name) > 1:
                raise ConfigurationError(f"an analyzer cannot be called {name!r}: that name is taken")

    @cached_property
    def choices(self) -> tuple[str, ...]:
        """The values that a company, a run or the installation can choose."""
        return (AUTO, *(definition.name for definition in self.definitions))

    def find(self, name: str) -> AnalyzerDefinition:
        """The definition of an analyzer. Raises ``ConfigurationError`` when it is not installed."""
        for definition in self.definitions:
            if definition.name == name:
                return definition
        raise ConfigurationError(
            f"the analyzer {name!r} is not installed here; the analyzers are {', '.join(self.choices)}"
        )

    def resolve(self, *choices: str, has_model_server: bool) -> AnalyzerDefinition:
        """The analyzer of the first of ``choices`` that is not ``auto``.

        If all are ``auto``, it is the model when ``has_model_server``, otherwise the offline rules. Raises
        ``ConfigurationError`` when it is not installed.
        """
        chosen = next(
            (choice for choice in choices if choice != AUTO), OPENAI.name if has_model_server else OFFLINE.name
        )
        return self.find(chosen)

    def with_analyzers(self, added: Iterable[AnalyzerDefinition]) -> Analyzers:
        """These analyzers followed by the ``added`` ones, which are sorted by name."""
        return Analyzers((*self.definitions, *sorted(added, key=lambda definition: definition.name)))


OPENAI = AnalyzerDefinition(
    "openai",
    "livedash_core.analysis.openai:create_analyzer",
    title="the model",
    asks_model=True,
    batch_watcher="livedash_core.analysis.openai.batch_api:create_watcher",
)
OFFLINE = AnalyzerDefinition("offline", "livedash_core.analysis.offline:create_analyzer", title="offline rules")
#: The analyzers that are part of LiveDash.
BUILT_IN = Analyzers((OPENAI, OFFLINE))


@cache
def load_analyzers() -> Analyzers:
    """The analyzers of this installation: the built-in ones and those that installed packages add."""
    return BUILT_IN.with_analyzers(entry.load() for entry in installed(ENTRY_POINTS))

"""The stages, in order: the seed's five, and those a deployment adds.

A stage of your own is one class and no migration: subclass ``Stage``, name the stage it comes ``after``, and
publish it under the entry point group ``livedash.stages``. It then shows in status, command line and page.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from importlib.metadata import entry_points

from livedash_core.errors import ConfigurationError, UnknownStage
from livedash_core.stages.ai_analysis import AiAnalysis
from livedash_core.stages.csv_import import CsvImport
from livedash_core.stages.question_extraction import QuestionExtraction
from livedash_core.stages.session_creation import SessionCreation
from livedash_core.stages.stage import Stage, Tools
from livedash_core.stages.transcript_fetch import TranscriptFetch

ENTRY_POINTS = "livedash.stages"
BUILT_IN: tuple[type[Stage], ...] = (CsvImport, TranscriptFetch, SessionCreation, AiAnalysis, QuestionExtraction)


class Registry:
    """An ordered set of stages. Raises ``ConfigurationError`` for a name twice or a place that does not exist."""

    def __init__(self, added: Iterable[type[Stage]] = ()) -> None:
        ordered = list(BUILT_IN)
        for stage in added:
            names = [known.name for known in ordered]
            if stage.name in names:
                raise ConfigurationError(f"two stages are called {stage.name}")
            if stage.after not in names:
                raise ConfigurationError(f"the stage {stage.name} comes after {stage.after}, which does not exist")
            ordered.insert(names.index(stage.after) + 1, stage)
        self._stages = {stage.name: stage for stage in ordered}

    @property
    def names(self) -> tuple[str, ...]:
        """In the order a session passes them."""
        return tuple(self._stages)

    def create(self, name: str, tools: Tools) -> Stage:
        """A stage ready to run. Raises ``UnknownStage``."""
        if name not in self._stages:
            raise UnknownStage(name, self.names)
        return self._stages[name](tools)


@cache
def default_registry() -> Registry:
    """The registry of this installation."""
    return Registry(entry.load() for entry in entry_points(group=ENTRY_POINTS))

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
    """An ordered set of stages. Raises ``ConfigurationError`` for a name twice or a place that does not exist.

    The order is the same however ``added`` is ordered: two that come after one stage follow by name.
    """

    def __init__(self, added: Iterable[type[Stage]] = ()) -> None:
        ordered = list(BUILT_IN)
        # From the last name to the first, each put right behind the stage it comes after.
        waiting = sorted(added, key=lambda stage: stage.name, reverse=True)
        while waiting:
            places = (
                (stage, place)
                for stage in waiting
                for place, known in enumerate(ordered, start=1)
                if known.name == stage.after
            )
            stage, place = next(places, (waiting[0], 0))
            if not place:
                raise ConfigurationError(f"the stage {stage.name} comes after {stage.after}, which does not exist")
            if stage.name in [known.name for known in ordered]:
                raise ConfigurationError(f"two stages are called {stage.name}")
            ordered.insert(place, stage)
            waiting.remove(stage)
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

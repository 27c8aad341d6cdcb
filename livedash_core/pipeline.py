"""The pipeline: which stages there are and in which order. Assets, DAG tasks, pages and commands derive from it.

A definition is light data, because Airflow parses DAG files all the time: the class that does the work is imported when
the stage runs. A package adds a stage with an entry point of the group ``livedash.stages`` that loads a
``StageDefinition`` (docs/stages.md).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import EntryPoint

from livedash_core.entry_points import installed
from livedash_core.errors import ConfigurationError, UnknownStage

ENTRY_POINTS = "livedash.stages"


@dataclass(frozen=True, slots=True)
class StageDefinition:
    """One stage.

    ``implementation`` is the ``Stage`` class, or its path ``package.module:Class``. ``asset`` is the Airflow Asset
    that the stage's DAG publishes. ``after`` names the stage that it follows; only the first has none. ``dag`` is the
    function that creates the DAG ``dag_id``, as ``package.module:function``. A stage without one runs only from Python
    or by `livedash process`, and sessions wait there until it does.
    """

    name: str
    implementation: str | type
    asset: str
    after: str | None = None
    dag: str | None = None

    @property
    def dag_id(self) -> str:
        """The id of the DAG that runs the stage."""
        return f"livedash_{self.name.lower()}"


@dataclass(frozen=True)
class Pipeline:
    """The stages in the order in which a session passes them."""

    stages: tuple[StageDefinition, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The stages' names, in order."""
        return tuple(stage.name for stage in self.stages)

    @property
    def dag_ids(self) -> tuple[str, ...]:
        """The DAGs of the stages, in order; a stage without ``dag`` has none."""
        return tuple(stage.dag_id for stage in self.stages if stage.dag is not None)

    @property
    def first(self) -> str:
        """The stage that imports sessions."""
        return self.names[0]

    @property
    def last(self) -> str:
        """The stage after which a session has passed the pipeline."""
        return self.names[-1]

    def stage(self, name: str) -> StageDefinition:
        """The definition of a stage. Raises ``UnknownStage``."""
        return self.stages[self.position(name)]

    def position(self, name: str) -> int:
        """A stage's place, counted from 0. Raises ``UnknownStage``."""
        try:
            return self.names.index(name)
        except ValueError:
            raise UnknownStage(name, self.names) from None

    def before(self, name: str) -> tuple[str, ...]:
        """The stages that a session passes before ``name``. Raises ``UnknownStage``."""
        return self.names[: self.position(name)]

    def onward_from(self, name: str) -> tuple[str, ...]:
        """``name`` and the stages after it. Raises ``UnknownStage``."""
        return self.names[self.position(name) :]

    def previous(self, name: str) -> str | None:
        """The stage before ``name``; None for the first. Raises ``UnknownStage``."""
        return self.before(name)[-1] if name != self.first else None

    def next(self, name: str) -> str | None:
        """The stage after ``name``; None for the last. Raises ``UnknownStage``."""
        onward = self.onward_from(name)
        return onward[1] if len(onward) > 1 else None

    def with_stages(self, added: Iterable[StageDefinition]) -> Pipeline:
        """This pipeline with the ``added`` stages, each directly after the stage that its ``after`` names.

        The result does not depend on the order of ``added``: two that follow one stage are sorted by name. Raises
        ``ConfigurationError`` for a name or an Asset that is taken and for an ``after`` that does not exist.
        """
        ordered = list(self.stages)
        # From the last name to the first: each is inserted directly after the stage that it follows.
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
            if stage.asset in [known.asset for known in ordered]:
                raise ConfigurationError(f"two stages publish the Asset {stage.asset}")
            ordered.insert(place, stage)
            waiting.remove(stage)
        return Pipeline(tuple(ordered))


#: The five stages that LiveDash comes with.
BUILT_IN = Pipeline(
    (
        StageDefinition(
            "CSV_IMPORT",
            "livedash_core.stages.csv_import.stage:CsvImport",
            "livedash_imports",
            dag="livedash_core.airflow.dags.csv_import:csv_import",
        ),
        StageDefinition(
            "TRANSCRIPT_FETCH",
            "livedash_core.stages.transcript_fetch:TranscriptFetch",
            "livedash_transcripts",
            after="CSV_IMPORT",
            dag="livedash_core.airflow.dags.transcript_fetch:transcript_fetch",
        ),
        StageDefinition(
            "SESSION_CREATION",
            "livedash_core.stages.session_creation:SessionCreation",
            "livedash_sessions",
            after="TRANSCRIPT_FETCH",
            dag="livedash_core.airflow.dags.session_creation:session_creation",
        ),
        StageDefinition(
            "AI_ANALYSIS",
            "livedash_core.stages.ai_analysis.stage:AiAnalysis",
            "livedash_analyses",
            after="SESSION_CREATION",
            dag="livedash_core.airflow.dags.ai_analysis:ai_analysis",
        ),
        StageDefinition(
            "QUESTION_EXTRACTION",
            "livedash_core.stages.question_extraction:QuestionExtraction",
            "livedash_questions",
            after="AI_ANALYSIS",
            dag="livedash_core.airflow.dags.question_extraction:question_extraction",
        ),
    )
)


@cache
def load_pipeline() -> Pipeline:
    """The pipeline of this installation: the built-in stages and those that installed packages add.

    Raises ``ConfigurationError`` for an entry point that cannot be loaded, that loads something else than a
    ``StageDefinition``, or whose stage has no place in the pipeline.
    """
    return BUILT_IN.with_stages(_load_definition(entry) for entry in installed(ENTRY_POINTS))


def _load_definition(entry: EntryPoint) -> StageDefinition:
    try:
        definition = entry.load()
    except Exception as error:  # an added package may raise anything
        raise ConfigurationError(f"the stage {entry.name} ({entry.value}) cannot be loaded: {error}") from error
    if not isinstance(definition, StageDefinition):
        raise ConfigurationError(f"the stage {entry.name} ({entry.value}) is not a livedash_core.StageDefinition")
    return definition

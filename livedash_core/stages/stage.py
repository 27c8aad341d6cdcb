"""The contract of a stage: load what is needed for claimed sessions, handle each session, store the results."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Generic, Protocol, TypeVar
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_core.clients.credentials import Credentials
from livedash_core.errors import ConfigurationError
from livedash_core.outcomes import Completed, Deferred, Outcome, Skipped
from livedash_core.pipeline import Pipeline, StageDefinition
from livedash_core.settings import Settings
from livedash_core.stages.report import StageReport
from livedash_core.status import Scope

__all__ = [
    "Completed",
    "Deferred",
    "Outcome",
    "RunControl",
    "Skipped",
    "Stage",
    "StageContext",
    "StageItem",
    "create_stage",
    "no_credentials",
]


class StageItem(Protocol):
    """What ``Stage.load`` returns for a session: any type that has these two ids."""

    @property
    def session_id(self) -> UUID:
        """The session that the item was loaded for."""
        ...

    @property
    def company_id(self) -> UUID:
        """The company of that session."""
        ...


Item = TypeVar("Item", bound=StageItem)
Result = TypeVar("Result")


def no_credentials(_conn_id: str) -> Credentials | None:
    """For a run that needs no credentials."""
    return None


@dataclass(frozen=True)
class StageContext:
    """What the caller (CLI, Airflow, a library user) passes to a stage.

    ``credentials`` returns the Basic credentials of a connection id, or None where there is no such connection.
    ``analyzer`` and ``model`` override the companies' own choice for this run.
    """

    engine: Engine
    settings: Settings = field(default_factory=Settings)
    credentials: Callable[[str], Credentials | None] = no_credentials
    analyzer: str | None = None
    model: str | None = None


class RunControl(Protocol):
    """The part of a run that ``Stage.ingest`` needs."""

    def should_stop(self) -> bool:
        """Whether the run was asked to stop."""
        ...

    def report_progress(self, report: StageReport) -> None:
        """Show progress."""
        ...


class Stage(ABC, Generic[Item, Result]):
    """One stage of the pipeline, generic in what it loads and in what it stores for a session.

    ``handle`` uses the network or computes, and never touches the database. ``load`` and ``store`` run a fixed number
    of statements whatever the number of sessions, in another thread than ``handle``.

    To add a stage, subclass this and publish a ``StageDefinition`` that names the stage it follows (docs/stages.md).
    """

    name: ClassVar[str]
    #: Sessions per claim; the runner may hold two claims at a time.
    claim_size: int = 500
    #: Sessions handled concurrently.
    concurrency: int = 1
    #: The settings that limit its concurrent requests; the processes of `livedash process` divide them.
    divided_limits: ClassVar[tuple[str, ...]] = ()

    def __init__(self, context: StageContext) -> None:
        self.context = context

    def within_memory(self, connection: Connection, session_ids: Sequence[UUID]) -> Sequence[UUID]:
        """Return those of a claim's sessions, at least one, that fit in memory together; the others are released.

        All of them here. For a stage whose sessions differ much in size, so that most claims can be large.
        """
        return session_ids

    @abstractmethod
    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> Sequence[Item]:
        """Read what ``handle`` needs for these sessions; a session without an item fails."""

    @abstractmethod
    async def handle(self, item: Item) -> Outcome[Result]:
        """Process one session. An exception is that session's failure; its class says what happens next (errors)."""

    @abstractmethod
    def store(self, connection: Connection, results: Mapping[UUID, Result]) -> None:
        """Write the results, in the transaction that settles their sessions."""

    def ingest(self, pipeline: Pipeline, scope: Scope, report: StageReport, run: RunControl) -> None:
        """Create sessions that the pipeline does not have yet; called before the first claim. Does nothing here."""

    async def close(self) -> None:
        """Release the resources that the stage opened; called once, on the event loop that ``handle`` ran on."""
        return


def create_stage(definition: StageDefinition, context: StageContext) -> Stage[Any, Any]:
    """Import the class of ``definition`` and make a stage of it. Raises ``ConfigurationError`` if there is none."""
    implementation = definition.implementation
    if isinstance(implementation, str):
        module, _, name = implementation.partition(":")
        try:
            implementation = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(f"the stage {definition.name} cannot be loaded: {error}") from error
    if not issubclass(implementation, Stage):
        raise ConfigurationError(f"the stage {definition.name}: {implementation.__name__} is not a livedash_core.Stage")
    stage: Stage[Any, Any] = implementation(context)
    return stage

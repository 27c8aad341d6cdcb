"""What a stage is: three steps over a batch of sessions, and the words they answer with."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, ClassVar, Protocol
from uuid import UUID

from sqlalchemy import Connection, Engine

from livedash_core.clients.credentials import BasicCredentials
from livedash_core.errors import ConfigurationError
from livedash_core.pipeline import Pipeline, StageDefinition
from livedash_core.settings import Settings
from livedash_core.stages.report import StageReport
from livedash_core.status import Scope


@dataclass(frozen=True, slots=True)
class Completed:
    """The stage did its work. ``result`` goes to ``store``, ``metadata`` (small JSON) to the status row."""

    result: Any = None
    metadata: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """There is nothing to do, and ``reason`` says why. A ``result`` is stored all the same; ``metadata`` (small JSON)
    goes to the status row with the reason."""

    reason: str
    result: Any = None
    metadata: Mapping[str, Any] | None = None


Outcome = Completed | Skipped


class Item(Protocol):
    """What ``load`` finds for a session; the runner needs to know whose it is."""

    @property
    def session_id(self) -> UUID: ...  # noqa: D102 - says it all

    @property
    def company_id(self) -> UUID: ...  # noqa: D102 - says it all


def no_credentials(_conn_id: str) -> BasicCredentials | None:
    """For a run that needs none."""
    return None


@dataclass(frozen=True)
class StageContext:
    """What the edge (CLI, Airflow) hands to the stages.

    ``credentials`` finds the Basic credentials of a connection id, wherever connections live there.
    ``analyzer`` and ``model`` override the companies' own choice for this run.
    """

    engine: Engine
    settings: Settings = field(default_factory=Settings)
    credentials: Callable[[str], BasicCredentials | None] = no_credentials
    analyzer: str | None = None
    model: str | None = None


class RunControl(Protocol):
    """What a stage that brings sessions in needs from the run it is part of."""

    def stopping(self) -> bool:
        """Whether somebody said stop."""
        ...

    def tell(self, report: StageReport) -> None:
        """Show progress."""
        ...


class Stage(ABC):
    """One stage. ``handle`` talks to the network or computes and never touches the database; ``load`` and ``store``
    run a fixed number of statements whatever the size of the batch, in another thread than ``handle``.

    To add a stage: subclass, and publish a ``StageDefinition`` that says which stage it follows (docs/stages.md).
    """

    name: ClassVar[str]
    #: Sessions claimed at once (two batches may be under way), and handled at once.
    batch_size: int = 500
    concurrency: int = 1

    def __init__(self, tools: StageContext) -> None:
        self.tools = tools

    @abstractmethod
    def load(self, connection: Connection, session_ids: Sequence[UUID]) -> Sequence[Item]:
        """What ``handle`` needs to know about these sessions."""

    @abstractmethod
    async def handle(self, item: Any) -> Outcome:
        """Do the work for one session; what it raises (``ProcessingError``) is the session's failure."""

    @abstractmethod
    def store(self, connection: Connection, results: Mapping[UUID, Any]) -> None:
        """Write the results, in the transaction that settles the sessions."""

    def ingest(  # noqa: B027 - a hook: most stages bring nothing in
        self, pipeline: Pipeline, scope: Scope, report: StageReport, run: RunControl
    ) -> None:
        """Before the first claim: bring in sessions that the pipeline does not know yet. Most stages have none."""

    async def close(self) -> None:
        """Give back what the stage opened; called once, on the loop that ``handle`` ran on."""
        return


def create_stage(definition: StageDefinition, context: StageContext) -> Stage:
    """The stage of ``definition``, ready to run. Raises ``ConfigurationError`` when there is no such class."""
    implementation = definition.implementation
    if isinstance(implementation, str):
        module, _, name = implementation.partition(":")
        try:
            implementation = getattr(import_module(module), name)
        except (ImportError, AttributeError) as error:
            raise ConfigurationError(f"the stage {definition.name} cannot be loaded: {error}") from error
    if not issubclass(implementation, Stage):
        raise ConfigurationError(f"the stage {definition.name}: {implementation.__name__} is not a livedash_core.Stage")
    stage: Stage = implementation(context)
    return stage

"""Create the analyzers of a run when a session first needs them, and keep them until the run ends."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from importlib import import_module
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import Engine

from livedash_core.analysis.contract import Analyzer
from livedash_core.analysis.stored_analyses import StoredAnalysis, store_analyses
from livedash_core.analyzers import AUTO, AnalyzerDefinition, Analyzers, load_analyzers
from livedash_core.costs import DatabaseLedger, Ledger, Limits
from livedash_core.errors import ConfigurationError, SystemicError
from livedash_core.settings import Settings


@dataclass(frozen=True)
class AnalyzerContext:
    """What an analyzer is created with.

    ``model`` is set if the definition says ``asks_model``. Billed calls are recorded in ``ledger``. ``slots`` bounds
    the concurrent calls of all analyzers of the run.
    """

    settings: Settings
    ledger: Ledger[StoredAnalysis]
    slots: asyncio.Semaphore
    model: str | None = None
    #: To remember what was found out about a server; None: nothing is remembered.
    engine: Engine | None = None


class ResolvedAnalyzer(NamedTuple):
    """An analyzer, and the model that it asks; None when it asks none."""

    analyzer: Analyzer
    model: str | None


def resolve_analyzer(settings: Settings, *choices: str) -> AnalyzerDefinition:
    """The analyzer of the first of ``choices`` that is not ``auto``, else the installation's.

    Raises ``ConfigurationError`` when it is not installed.
    """
    return load_analyzers().resolve(*choices, settings.analyzer, has_model_server=settings.has_model_server)


class AnalyzerRegistry:
    """Makes each analyzer once per model.

    Nothing of an analyzer is imported before: the model's SDK takes a second and the word lists of the offline rules
    50 MB, which each task of each DAG would pay for.
    """

    def __init__(self, settings: Settings, engine: Engine, analyzers: Analyzers | None = None) -> None:
        self._settings = settings
        self._engine = engine
        self._analyzers = analyzers or load_analyzers()
        self._ledger = DatabaseLedger(
            engine, Limits(settings.requests_per_minute, settings.tokens_per_minute), store_results=store_analyses
        )
        self._slots = asyncio.Semaphore(settings.analysis_concurrency)
        self._made: dict[tuple[str, str | None], Analyzer] = {}

    def resolve(self, choice: str, model: str | None, company_id: UUID) -> ResolvedAnalyzer:
        """The analyzer for a company's choice.

        Raises ``SystemicError``, for the company, when the analyzer is not installed or not configured.
        """
        try:
            definition = self._analyzers.resolve(
                choice or AUTO, self._settings.analyzer, has_model_server=self._settings.has_model_server
            )
            if definition.asks_model and model is None:
                raise ConfigurationError("there is no model to ask: set LIVEDASH_MODEL")
            key = (definition.name, model if definition.asks_model else None)
            if key not in self._made:
                self._made[key] = self._make(definition, key[1])
        except ConfigurationError as error:
            raise SystemicError(str(error), company_id=company_id) from error
        return ResolvedAnalyzer(self._made[key], key[1])

    def _make(self, definition: AnalyzerDefinition, model: str | None) -> Analyzer:
        make = definition.implementation
        if isinstance(make, str):
            module, _, name = make.partition(":")
            try:
                make = getattr(import_module(module), name)
            except (ImportError, AttributeError) as error:
                raise ConfigurationError(f"the analyzer {definition.name!r} cannot be loaded: {error}") from error
        analyzer: Analyzer = make(AnalyzerContext(self._settings, self._ledger, self._slots, model, self._engine))
        return analyzer

    async def close(self) -> None:
        """Close the analyzers, then the ledger that they wrote to."""
        for analyzer in self._made.values():
            await analyzer.close()
        self._made.clear()
        await self._ledger.close()

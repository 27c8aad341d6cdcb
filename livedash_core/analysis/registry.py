"""Which analyzer analyses a session: the run's choice, else the company's, else whatever the key allows."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

from sqlalchemy import Engine

from livedash_core.analysis.contract import Analyzer
from livedash_core.analysis.stored_analyses import store_analyses
from livedash_core.costs.ledger_writer import DatabaseLedger
from livedash_core.costs.rate_limiter import Limits
from livedash_core.errors import ConfigurationError, SystemicError
from livedash_core.settings import Settings

if TYPE_CHECKING:
    from livedash_core.analysis.offline import OfflineAnalyzer
    from livedash_core.analysis.openai import OpenAIAnalyzer


#: Prose has more (measured with OpenAI's o200k: 4.0 to 4.6), identifiers and markup have fewer.
_CHARACTERS_PER_TOKEN = 3.3


class ResolvedAnalyzer(NamedTuple):
    """An analyzer and the model it asks (``None`` offline)."""

    analyzer: Analyzer
    model: str | None


def chosen(choice: str, settings: Settings) -> str:
    """``openai`` or ``offline``, for a company's or a run's ``choice``; ``auto`` leaves it to the installation."""
    if choice == "auto":
        choice = settings.analyzer
    if choice == "auto":
        choice = "openai" if settings.openai_api_key else "offline"
    return choice


class AnalyzerRegistry:
    """Makes analyzers when they are first needed and keeps them for the run."""

    def __init__(self, settings: Settings, engine: Engine) -> None:
        self._settings = settings
        self._ledger = DatabaseLedger(
            engine, Limits(settings.requests_per_minute, settings.tokens_per_minute), store_results=store_analyses
        )
        self._slots = asyncio.Semaphore(settings.analysis_concurrency)
        self._rules: OfflineAnalyzer | None = None
        self._models: dict[str, OpenAIAnalyzer] = {}

    def choose(self, choice: str, model: str | None, company_id: UUID) -> ResolvedAnalyzer:
        """The maker for ``auto``, ``openai`` or ``offline``.

        Raises ``SystemicError``, for the company, when a model is asked for and there is no usable key.
        """
        if chosen(choice, self._settings) == "offline":
            return ResolvedAnalyzer(self._offline(), None)
        if model is None:
            raise SystemicError("there is no model to ask: set LIVEDASH_MODEL", company_id=company_id)
        return ResolvedAnalyzer(self.asking(model, company_id), model)

    # Each maker is imported when it is needed: the SDK costs a second, the word lists 50 MB, and every task of every
    # DAG would pay for both.

    def _offline(self) -> OfflineAnalyzer:
        if self._rules is None:
            from livedash_core.analysis.offline import OfflineAnalyzer

            self._rules = OfflineAnalyzer()
        return self._rules

    def asking(self, model: str, company_id: UUID) -> OpenAIAnalyzer:
        """Who asks that model. Raises ``SystemicError``, for the company, when there is no usable key."""
        if model not in self._models:
            self._models[model] = self._openai(model, company_id)
        return self._models[model]

    def _openai(self, model: str, company_id: UUID) -> OpenAIAnalyzer:
        key = self._settings.openai_api_key
        if key is None:
            raise SystemicError(
                "this company is to be analysed by a model, but there is no key: set OPENAI_API_KEY or create the "
                "Airflow connection livedash_openai",
                company_id=company_id,
            )
        from livedash_core.analysis.openai import OpenAIAnalyzer

        try:
            return OpenAIAnalyzer(
                api_key=key.get_secret_value(),
                base_url=self._settings.openai_base_url,
                model=model,
                ledger=self._ledger,
                slots=self._slots,
                max_transcript_characters=int(_CHARACTERS_PER_TOKEN * self._settings.transcript_tokens),
            )
        except ConfigurationError as error:
            raise SystemicError(str(error)) from error

    async def close(self) -> None:
        """End the analyzers' connections."""
        for analyzer in self._models.values():
            await analyzer.close()
        self._models.clear()
        if self._rules is not None:
            await self._rules.close()
        await self._ledger.close()

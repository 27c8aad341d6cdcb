"""The analyzer that asks a model through the Chat Completions API, of OpenAI or of a server that is compatible."""

from __future__ import annotations

from typing import TYPE_CHECKING

from livedash_core.analysis.openai.analyzer import OpenAIAnalyzer
from livedash_core.analysis.openai.base_url import parse_base_url
from livedash_core.analysis.openai.memory import ServerMemory
from livedash_core.errors import ConfigurationError

if TYPE_CHECKING:
    from livedash_core.analysis.registry import AnalyzerContext

__all__ = ["OpenAIAnalyzer", "create_analyzer"]

#: Prose has more (measured with OpenAI's o200k: 4.0 to 4.6), identifiers and markup have fewer.
_CHARACTERS_PER_TOKEN = 3.3


def create_analyzer(context: AnalyzerContext) -> OpenAIAnalyzer:
    """The analyzer for the context's model. Raises ``ConfigurationError`` when there is no usable key."""
    settings, key = context.settings, context.settings.openai_api_key
    address = parse_base_url(settings.openai_base_url)
    if key is None and not settings.has_model_server:
        raise ConfigurationError(
            "this company is to be analysed by a model, but there is no key: set OPENAI_API_KEY or create the "
            "Airflow connection livedash_openai; a server of your own needs only OPENAI_BASE_URL"
        )
    assert context.model is not None, "the definition says that it asks a model"
    return OpenAIAnalyzer(
        api_key=key.get_secret_value() if key else None,
        base_url=settings.openai_base_url,
        model=context.model,
        ledger=context.ledger,
        concurrency=settings.analysis_concurrency,
        slots=context.slots,
        memory=ServerMemory(context.engine, address.public, context.model) if context.engine else None,
        openai_prices=settings.openai_prices,
        max_transcript_characters=int(_CHARACTERS_PER_TOKEN * settings.transcript_tokens),
    )

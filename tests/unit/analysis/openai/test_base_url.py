"""Base URLs as people write them, and which servers bill OpenAI's prices."""

from __future__ import annotations

import pytest

from livedash_core.analysis.openai.base_url import parse_base_url
from livedash_core.errors import ConfigurationError


@pytest.mark.parametrize(
    ("written", "has_openai_prices"),
    [
        (None, True),
        ("https://api.openai.com/v1", True),
        ("https://eu.api.openai.com/v1", True),
        ("https://API.OpenAI.com./v1", True),
        ("https://acme.openai.azure.com/openai/deployments/x?api-version=1", True),
        ("https://acme.cognitiveservices.azure.com/openai/v1", True),
        ("https://acme.services.ai.azure.com/openai/v1", True),
        ("https://acme.openai.azure.us/openai/v1", True),
        ("http://localhost:11434/v1", False),
        ("https://openrouter.ai/api/v1", False),
        ("https://api.openai.com.example.net/v1", False),
        ("https://notapi.openai.com.evil/v1", False),
        ("https://fakeopenai.azure.com.example/v1", False),
        ("https://api.openai.com@models.example/v1", False),
        ("https://generativelanguage.googleapis.com/v1beta/openai/", False),
    ],
)
def test_only_openai_and_azure_bill_openai_s_list_prices(written: str | None, has_openai_prices: bool) -> None:
    assert parse_base_url(written).has_openai_prices is has_openai_prices


@pytest.mark.parametrize(
    ("written", "url"),
    [
        ("\u200bhttps://models.example/v1\ufeff", "https://models.example/v1"),
        ("“https://models.example/v1”", "https://models.example/v1"),
        ("`https://models.example/v1`", "https://models.example/v1"),
        ("https://models.example/v1/chat", "https://models.example/v1"),
        ("https://models.example/v1/chat/", "https://models.example/v1"),
        ("https://models.example/v1/messages", "https://models.example/v1"),
        ("https://models.example/chat/v1", "https://models.example/chat/v1"),
        ("https://models.example/v1#here", "https://models.example/v1"),
        ("HTTPS://models.example/v1", "https://models.example/v1"),
        ("https://models.example//v1//", "https://models.example//v1"),
    ],
)
def test_what_surrounds_a_base_url_is_removed(written: str, url: str) -> None:
    assert parse_base_url(written).url == url


@pytest.mark.parametrize(
    "written", ["ftp://models.example/v1", "https://", "https://a b/v1", "https://h:99999/v1", "v1"]
)
def test_anything_else_is_refused(written: str) -> None:
    with pytest.raises(ConfigurationError, match="OPENAI_BASE_URL"):
        parse_base_url(written)

"""The analysis by servers that others wrote: LiteLLM's proxy in front of a fake one, and fakellm."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.stages.faulty_server import Answer, FaultyServer, good
from tests.integration.stages.server_sessions import SESSIONS, Sessions, error
from tests.other_servers.conftest import Start, write_json
from tests.unit.analysis.openai.scripted_server import VALID_REPLY

KEY = "sk-test"


@pytest.fixture
def proxy(litellm: Path, start: Start, faulty: FaultyServer, tmp_path: Path) -> Callable[..., str]:
    """LiteLLM's proxy in front of ``faulty``; returns its base URL."""

    def proxy(model: str = "small") -> str:
        behind = {"model": "openai/small", "api_base": faulty.url, "api_key": "sk-behind"}
        config = {
            "model_list": [{"model_name": model, "litellm_params": behind}],
            "general_settings": {"master_key": KEY},
        }
        file = write_json(tmp_path / "litellm.yaml", config)
        return start(
            litellm / "litellm",
            *("--config", file, "--host", "127.0.0.1", "--port", "{port}", "--telemetry", "False"),
            probe="/health/liveliness",
            LITELLM_LOCAL_MODEL_COST_MAP="True",
            PATH=f"{litellm}:/usr/bin:/bin",
        )

    return proxy


def test_litellm_one_conversation(sessions: Sessions, faulty: FaultyServer, proxy: Callable[..., str]) -> None:
    flagged = Answer(400, error("filtered", code="content_filter", param="prompt"))
    faulty.answer = lambda asked: flagged if asked.about == "3" else good()
    assert sessions.run(openai_base_url=proxy()).incidents == []
    assert sessions.ends() == {"COMPLETED": SESSIONS - 1, "FAILED": 1}


def test_litellm_without_the_model_and_with_another_key(sessions: Sessions, proxy: Callable[..., str]) -> None:
    url = proxy("other")
    (incident,) = sessions.run(openai_base_url=url).incidents
    assert "has no model 'small'" in str(incident)
    # Without a database the proxy has no other keys, and refuses them with 400 and these words.
    (incident,) = sessions.run_again(openai_base_url=url, openai_api_key="sk-wrong").incidents
    assert "No connected db" in str(incident)
    assert sessions.ends() == {"PENDING": SESSIONS}


def test_fakellm(sessions: Sessions, fakellm: Path, start: Start, tmp_path: Path) -> None:
    def serve(*rules: dict[str, Any]) -> str:
        every = {"name": "all", "when": {}, "respond": {"content": json.dumps(VALID_REPLY)}}
        file = write_json(tmp_path / "fakellm.yaml", {"rules": [*rules, every]})
        return start(fakellm / "fakellm", "serve", "--port", "{port}", "--config", file, probe="/_fakellm")

    flagged = {
        "name": "flagged",
        "when": {"messages_contain": "conversation-3"},
        "respond": {"status": 400, "error": "no"},
    }
    assert sessions.run(openai_base_url=serve(flagged)).incidents == []
    assert sessions.ends() == {"COMPLETED": SESSIONS - 1, "FAILED": 1}

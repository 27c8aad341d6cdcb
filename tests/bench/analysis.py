"""AI_ANALYSIS by a model that costs nothing and never fails, beside a bare asyncio loop over the same client."""

from __future__ import annotations

import asyncio
from typing import Any

from pydantic import SecretStr

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.attempt import Attempt
from livedash_core.analysis.openai.client import make_client
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis import AiAnalysis
from livedash_core.stages.session_creation import SessionCreation
from livedash_core.stages.stage import Tools
from tests.bench.database import Server, new_ids
from tests.bench.harness import Row, at_least, interleaved, ratio_at_most, seconds
from tests.bench.model_server import answering
from tests.bench.stages import FORGET, MESSAGES, add_transcripts, run_stage

KEY, MODEL = "sk-bench", "bench-model"
SLOW_SECONDS = 0.2
TIMEOUT_SECONDS = 120.0
TOKENS = 4_096


def slow_model(server: Server) -> list[Row]:
    """sessions judged by a model that takes 200 ms, against the time that its answers take"""
    settings = Settings()
    sessions = server.scale.judged_slowly
    ideal = sessions * SLOW_SECONDS / settings.analysis_concurrency
    ours, bare = _measured(server, sessions, SLOW_SECONDS)
    work = f"analysis of {sessions:,} sessions, {settings.analysis_concurrency} at once, a model that takes 200 ms"
    return [
        Row(work, "s", ours, "its answers alone", [ideal] * len(ours), ratio_at_most(1.25)),
        Row("the same", "s", ours, "a bare loop over the same client", bare),
    ]


def instant_model(server: Server) -> list[Row]:
    """sessions judged by a model that answers at once, against a bare loop over the same client"""
    sessions = server.scale.judged_at_once
    ours, bare = _measured(server, sessions, 0)
    return [
        Row(
            f"analysis of {sessions:,} sessions, a model that answers at once",
            "sessions/s",
            [sessions / figure for figure in ours],
            "a bare loop over the same client",
            [sessions / figure for figure in bare],
            at_least(300),
        )
    ]


def _measured(server: Server, sessions: int, answer_seconds: float) -> tuple[list[float], list[float]]:
    """Seconds of each round: the stage's, and the bare loop's."""
    ids = new_ids(sessions)
    with answering(answer_seconds) as url, server.database() as database:
        settings = Settings(analyzer="openai", model=MODEL, openai_api_key=SecretStr(KEY), openai_base_url=url)

        def ours() -> float:
            database.execute(FORGET)
            add_transcripts(database, ids)
            run_stage(database, SessionCreation(Tools(database.engine)), sessions)
            database.settle("livedash.session", "livedash.message")
            stage = AiAnalysis(Tools(database.engine, settings))
            return seconds(lambda: run_stage(database, stage, sessions))

        def bare() -> float:
            return seconds(lambda: asyncio.run(_bare_loop(url, sessions, settings.analysis_concurrency)))

        figures = interleaved(server.scale.long_rounds, {"ours": ours, "bare": bare})
    return figures["ours"], figures["bare"]


async def _bare_loop(url: str, sessions: int, concurrency: int) -> None:
    """As many calls as sessions, with the client and the request of the product, and nothing else."""
    turns = [Turn("Assistant" if number % 2 else "User", "x" * 80) for number in range(MESSAGES)]
    first = Attempt.first(turns, max_characters=200_000, max_completion_tokens=TOKENS)
    body: dict[str, Any] = {
        "messages": first.messages,
        "max_completion_tokens": TOKENS,
        "response_format": prompt.RESPONSE_FORMAT,
    }
    waiting = iter(range(sessions))

    async def lane() -> None:
        for _ in waiting:
            await client.chat.completions.with_raw_response.create(model=MODEL, messages=(), extra_body=body)

    async with make_client(KEY, url, TIMEOUT_SECONDS) as client:
        await asyncio.gather(*(lane() for _ in range(concurrency)))

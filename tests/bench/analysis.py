"""AI_ANALYSIS by a model that costs nothing and never fails, beside a bare asyncio loop over the same client."""

from __future__ import annotations

import asyncio
import subprocess
import sys

from pydantic import SecretStr
from sqlalchemy import text

from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.session_creation import SessionCreation
from livedash_core.stages.stage import StageContext
from tests.bench.bare_loop import KEY, MODEL, bare_loop
from tests.bench.database import Database, Server, new_ids
from tests.bench.harness import Row, at_least, interleaved, ratio_at_least, ratio_at_most, seconds
from tests.bench.model_server import answering
from tests.bench.product import LIVEDASH, environment
from tests.bench.stages import FORGET, add_transcripts, run_stage

SLOW_SECONDS = 0.2
#: Calls at once of each of two workers: so few that the model's time bounds them, and not the cores that they share.
CALLS_OF_A_WORKER = 16
LANES = Settings.model_fields["lanes"].default
TOOK = """
SELECT count(completed_at), extract(epoch FROM max(completed_at) - min(started_at))
FROM livedash.session_processing_status WHERE stage = 'AI_ANALYSIS'
"""


def slow_model(server: Server) -> list[Row]:
    """sessions analysed by a model that takes 200 ms, against the time that its responses take"""
    settings = Settings()
    sessions = server.scale.analysed_slowly
    ideal = sessions * SLOW_SECONDS / settings.analysis_concurrency
    ours, bare = _measured(server, sessions, SLOW_SECONDS)
    work = f"analysis of {sessions:,} sessions, {settings.analysis_concurrency} at once, a model that takes 200 ms"
    return [
        Row(work, "s", ours, "its responses alone", [ideal] * len(ours), ratio_at_most(1.25)),
        Row("the same", "s", ours, "a bare loop over the SDK's default client", bare),
    ]


def instant_model(server: Server) -> list[Row]:
    """sessions analysed by a model that responds at once, against a bare loop over the SDK's default client"""
    sessions = server.scale.analysed_at_once
    ours, bare = _measured(server, sessions, 0)
    at_once = "a model that responds at once"
    against, yardstick = "a bare loop over the SDK's default client", [sessions / figure for figure in bare]
    lanes = interleaved(
        server.scale.long_rounds,
        {
            "ours": lambda: sessions / _of_lanes(server, sessions, LANES, 0),
            "bare": lambda: sessions / _of_bare_loops(sessions, LANES),
        },
    )
    by_lanes = f"the same by the {LANES} lanes of a DAG run, a process each"
    return [
        Row(
            f"analysis of {sessions:,} sessions by one lane, {at_once}",
            "sessions/s",
            [sessions / figure for figure in ours],
            against,
            yardstick,
        ),
        Row(by_lanes, "sessions/s", lanes["ours"], against, yardstick, at_least(300)),
        Row(by_lanes, "sessions/s", lanes["ours"], "as many bare loops", lanes["bare"], ratio_at_least(0.8)),
    ]


def two_workers(server: Server) -> list[Row]:
    """sessions analysed by two workers and a model that takes 200 ms, against one worker"""
    sessions = server.scale.analysed_slowly

    def rate(workers: int) -> float:
        return sessions / _of_lanes(server, sessions, workers, SLOW_SECONDS, calls=CALLS_OF_A_WORKER)

    figures = interleaved(server.scale.long_rounds, {"two": lambda: rate(2), "one": lambda: rate(1)})
    work = (
        f"analysis of {sessions:,} sessions by two workers, {CALLS_OF_A_WORKER} at once each, a model that takes 200 ms"
    )
    return [Row(work, "sessions/s", figures["two"], "one worker", figures["one"], ratio_at_least(1.7))]


def _measured(server: Server, sessions: int, answer_seconds: float) -> tuple[list[float], list[float]]:
    """Seconds of each round: the stage's, and the bare loop's."""
    with answering(answer_seconds) as url, server.database() as database:
        settings = Settings(analyzer="openai", model=MODEL, openai_api_key=SecretStr(KEY), openai_base_url=url)

        def ours() -> float:
            make_sessions(database, sessions)
            stage = AiAnalysis(StageContext(database.engine, settings))
            return seconds(lambda: run_stage(database, stage, sessions))

        def bare() -> float:
            return seconds(lambda: asyncio.run(bare_loop(url, sessions, settings.analysis_concurrency)))

        figures = interleaved(server.scale.long_rounds, {"ours": ours, "bare": bare})
    return figures["ours"], figures["bare"]


def _of_lanes(server: Server, sessions: int, number: int, answer_seconds: float, calls: int | None = None) -> float:
    """Seconds from the first claim of several processes to the last analysis, by the database's clock."""
    with answering(answer_seconds) as url, server.database() as database:
        make_sessions(database, sessions)
        settings = environment(
            {
                "LIVEDASH_DATABASE_URL": database.url,
                "LIVEDASH_ANALYZER": "openai",
                "LIVEDASH_MODEL": MODEL,
                "OPENAI_API_KEY": KEY,
                "OPENAI_BASE_URL": url,
            }
            | ({"LIVEDASH_ANALYSIS_CONCURRENCY": str(calls)} if calls else {})
        )
        command = [str(LIVEDASH), "process", "--stage", "AI_ANALYSIS", "--workers", "1", "--json"]
        lanes = [subprocess.Popen(command, env=settings, stdout=subprocess.DEVNULL) for _ in range(number)]
        if sum(lane.wait() for lane in lanes):
            raise RuntimeError("a lane has failed")
        with database.engine.connect() as connection:
            completed, took = connection.execute(text(TOOK)).one()
    if completed != sessions:
        raise RuntimeError(f"{completed} of {sessions} sessions were analysed")
    return float(took)


def _of_bare_loops(calls: int, number: int) -> float:
    """Seconds from the first to the last of so many calls by several bare loops, a process each."""
    share, concurrency = str(calls // number), str(Settings().analysis_concurrency)
    with answering(0) as url:
        command = [sys.executable, "-m", "tests.bench.bare_loop", url, share, concurrency]
        loops = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(number)]
        times = [float(word) for loop in loops for word in loop.communicate()[0].split()]
    if len(times) != 2 * number:
        raise RuntimeError("a bare loop has failed")
    return max(times) - min(times)


def make_sessions(database: Database, sessions: int) -> None:
    """So many that wait to be analysed, and no others."""
    database.execute(FORGET)
    add_transcripts(database, new_ids(sessions))
    run_stage(database, SessionCreation(StageContext(database.engine)), sessions)
    database.settle("livedash.session", "livedash.message")

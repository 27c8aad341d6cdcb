"""How well the number of concurrent calls adapts to a model server of limited capacity.

The yardstick is a bare loop over the SDK's default client with the number of calls that is best for the server.
Throughput is counted from the ledger, after the time that the adaptation has.
"""

from __future__ import annotations

import asyncio

from pydantic import SecretStr
from sqlalchemy import text

from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.stage import StageContext
from tests.bench.analysis import make_sessions
from tests.bench.bare_loop import KEY, MODEL, bare_loop
from tests.bench.database import Database, Server
from tests.bench.harness import Goal, Row, at_most, ratio_at_least, seconds
from tests.bench.limited_model_server import answering
from tests.bench.stages import run_stage

SECONDS = 0.2
#: The throughput is measured over so many seconds at the end, without the last ones, when calls run out.
MEASURED_SECONDS, LAST_SECONDS = 8.0, 1.0
THROUGHPUT = """
WITH call AS (
    SELECT answered_at FROM livedash.ai_processing_request WHERE outcome = 'answered'
), time AS (
    SELECT max(answered_at) - make_interval(secs => :last) AS until, min(answered_at) AS since FROM call
)
SELECT count(*) / extract(epoch FROM max(answered_at) - min(answered_at)),
       extract(epoch FROM min(answered_at) - min(since))
FROM call, time WHERE answered_at BETWEEN until - make_interval(secs => :measured) AND until
"""
REFUSED = """
SELECT count(*) FILTER (WHERE outcome = 'rejected' AND starts_with(error_message, 'not sent') IS NOT TRUE)
       / count(*)::float
FROM livedash.ai_processing_request
"""


def adaptation(server: Server) -> list[Row]:
    """throughput at a model server of limited capacity, against the best fixed number of calls"""
    limited, refused = _measured(server, 8, refuses=True)
    fast, _ = _measured(server, 64, refuses=False)
    after = f"after {server.scale.adaptation_seconds} s"
    return [
        _row(f"calls per second {after}, a server that works on 64 at once, 200 ms each", fast, ratio_at_least(0.8)),
        _row(f"calls per second {after}, a server that refuses more than 8 at once", limited, ratio_at_least(0.9)),
        Row("refused calls of the latter, from the start", "%", [100 * refused], goal=at_most(2)),
    ]


def _row(work: str, figures: tuple[float, float], goal: Goal) -> Row:
    ours, bare = figures
    return Row(work, "calls/s", [ours], "a bare loop with the best number of calls", [bare], goal)


def _measured(server: Server, at_once: int, *, refuses: bool) -> tuple[tuple[float, float], float]:
    """Calls per second of the stage and of the bare loop, and the share of the stage's calls that was refused."""
    most = at_once / SECONDS
    sessions = int(most * (server.scale.adaptation_seconds + MEASURED_SECONDS + LAST_SECONDS))
    with answering(SECONDS, at_once, refuses=refuses) as url, server.database() as database:
        settings = Settings(analyzer="openai", model=MODEL, openai_api_key=SecretStr(KEY), openai_base_url=url)
        bare_calls = int(most * MEASURED_SECONDS)
        bare = bare_calls / seconds(lambda: asyncio.run(bare_loop(url, bare_calls, at_once)))
        make_sessions(database, sessions)
        run_stage(database, AiAnalysis(StageContext(database.engine, settings)), sessions)
        return (_throughput(database, server.scale.adaptation_seconds), bare), _scalar(database, REFUSED)


def _throughput(database: Database, warm_up: float) -> float:
    with database.engine.connect() as connection:
        figures = {"last": LAST_SECONDS, "measured": MEASURED_SECONDS}
        throughput, began_after = connection.execute(text(THROUGHPUT), figures).one()
    if float(began_after) < warm_up - LAST_SECONDS:
        raise RuntimeError(f"measured after {began_after:.0f} s already")
    return float(throughput)


def _scalar(database: Database, query: str) -> float:
    with database.engine.connect() as connection:
        return float(connection.execute(text(query)).scalar_one())

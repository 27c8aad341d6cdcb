"""The analysis as one would write it without LiveDash: a job per session, whose handler reads, calls and stores.

The same messages, request and model server. A handler keeps its answer in a table of its own with one row per session.
It has no ledger of calls, no reason per failed session, no limit of spending, no retry of one stage, and no counts; it
does not check or mask what the model answered.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar
from uuid import UUID

import asyncpg  # type: ignore[import-untyped] # it ships no annotations
import procrastinate
from pgqueuer import AsyncpgDriver, Job, Queries, QueueManager
from pgqueuer.types import QueueExecutionMode
from pydantic import SecretStr
from sqlalchemy import select

from livedash_core.analysis.contract import Turn
from livedash_core.analysis.openai import prompt
from livedash_core.analysis.openai.base_url import parse_base_url
from livedash_core.analysis.openai.chat_request import ChatRequest
from livedash_core.analysis.openai.client import make_client
from livedash_core.models import Session
from livedash_core.settings import Settings
from livedash_core.stages.ai_analysis.stage import AiAnalysis
from livedash_core.stages.stage import StageContext
from tests.bench.analysis import make_sessions
from tests.bench.bare_loop import KEY, MODEL, TIMEOUT_SECONDS, TOKENS
from tests.bench.database import Database, Server
from tests.bench.harness import Row, interleaved, seconds
from tests.bench.model_server import answering
from tests.bench.stages import run_stage

CREATE = "CREATE TABLE public.judgement (session_id uuid PRIMARY KEY, answer jsonb NOT NULL)"
MESSAGES = "SELECT role, content FROM livedash.message WHERE session_id = $1 ORDER BY position"
STORE = "INSERT INTO public.judgement VALUES ($1, $2) ON CONFLICT (session_id) DO UPDATE SET answer = excluded.answer"
#: Calls at once, as LiveDash has by default.
AT_ONCE = Settings.model_fields["analysis_concurrency"].default
T = TypeVar("T")
Handler = Callable[[UUID], Awaitable[None]]


def handlers(server: Server) -> list[Row]:
    """the analysis by a model that responds at once, against straightforward handlers of two Python queues"""
    sessions = server.scale.analysed_at_once
    with answering(0) as url, server.database() as database:
        database.execute(CREATE)
        asyncio.run(_connected(database, lambda connection: Queries(AsyncpgDriver(connection)).install()))
        asyncio.run(_opened(database, lambda app: app.schema_manager.apply_schema_async()))
        settings = Settings(analyzer="openai", model=MODEL, openai_api_key=SecretStr(KEY), openai_base_url=url)

        def ours() -> float:
            make_sessions(database, sessions)
            stage = AiAnalysis(StageContext(database.engine, settings))
            return sessions / seconds(lambda: run_stage(database, stage, sessions))

        def theirs(queue: Callable[[Database, str, list[UUID]], Coroutine[Any, Any, float]]) -> float:
            make_sessions(database, sessions)
            database.execute("TRUNCATE public.judgement")
            with database.engine.connect() as connection:
                ids = list(connection.scalars(select(Session.id)))
            took = asyncio.run(queue(database, url, ids))
            with database.bare() as connection:
                stored = connection.execute("SELECT count(*) FROM public.judgement").fetchone()
            if stored != (sessions,):
                raise RuntimeError(f"{stored} of {sessions} sessions were judged")
            return sessions / took

        figures = interleaved(
            server.scale.long_rounds,
            {"ours": ours, "pgqueuer": lambda: theirs(_pgqueuer), "procrastinate": lambda: theirs(_procrastinate)},
        )
    work = f"analysis of {sessions:,} sessions by one process, a model that responds at once"
    return [
        Row(work, "sessions/s", figures["ours"], f"a straightforward handler of {name}", figures[name])
        for name in ("pgqueuer", "procrastinate")
    ]


async def _pgqueuer(database: Database, url: str, ids: list[UUID]) -> float:
    async def work(connection: asyncpg.Connection) -> float:
        queries = Queries(AsyncpgDriver(connection))
        await queries.enqueue(["judge"] * len(ids), [session.bytes for session in ids], [0] * len(ids))
        manager = QueueManager(queries)
        async with asyncpg.create_pool(**_where(database), min_size=4, max_size=4) as pool, _client(url) as client:
            judge = _handler(pool, client)

            async def job(taken: Job) -> None:
                await judge(UUID(bytes=taken.payload))

            manager.entrypoint("judge", concurrency_limit=AT_ONCE)(job)
            began = time.perf_counter()
            await manager.run(batch_size=AT_ONCE, mode=QueueExecutionMode.drain)
            return time.perf_counter() - began

    return await _connected(database, work)


async def _procrastinate(database: Database, url: str, ids: list[UUID]) -> float:
    async def work(app: procrastinate.App) -> float:
        async with asyncpg.create_pool(**_where(database), min_size=4, max_size=4) as pool, _client(url) as client:
            judge = _handler(pool, client)

            async def job(session_id: str) -> None:
                await judge(UUID(session_id))

            jobs: list[dict[str, Any]] = [{"session_id": str(one)} for one in ids]
            await app.task(name="judge")(job).batch_defer_async(*jobs)
            began = time.perf_counter()
            await app.run_worker_async(
                wait=False, concurrency=AT_ONCE, listen_notify=False, install_signal_handlers=False
            )
            return time.perf_counter() - began

    return await _opened(database, work)


def _client(url: str) -> Any:
    return make_client(KEY, parse_base_url(url), TIMEOUT_SECONDS)


def _handler(pool: asyncpg.Pool, client: Any) -> Handler:
    """Reads a session's messages, asks the model, and stores its answer."""

    async def judge(session_id: UUID) -> None:
        rows = await pool.fetch(MESSAGES, session_id)
        turns = [Turn(row["role"], row["content"]) for row in rows]
        request = ChatRequest.first(turns, max_characters=200_000, max_completion_tokens=TOKENS)
        answer = await client.chat.completions.create(
            model=MODEL,
            messages=request.messages,
            max_completion_tokens=TOKENS,
            response_format=prompt.RESPONSE_FORMAT,
        )
        found = json.loads(answer.choices[0].message.content)
        await pool.execute(STORE, session_id, json.dumps(found))

    return judge


def _where(database: Database) -> dict[str, str]:
    return {"host": str(database.address.socket_directory), "database": database.address.database, "user": "postgres"}


async def _connected(database: Database, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
    connection = await asyncpg.connect(**_where(database))
    try:
        return await work(connection)
    finally:
        await connection.close()


async def _opened(database: Database, work: Callable[[procrastinate.App], Awaitable[T]]) -> T:
    where = database.address
    conninfo = f"host={where.socket_directory} dbname={where.database} user=postgres"
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=conninfo))
    async with app.open_async():
        return await work(app)

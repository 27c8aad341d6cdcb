"""How many lanes, workers, connections and gigabytes a number of sessions needs, and what their model calls cost.

Pure arithmetic over the figures of docs/benchmarks.md, which were measured on 2 shared cores.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import Any

from livedash_core.costs import PriceList, Usage, cost_of
from livedash_core.enums import MODES

#: CPU time of a lane per session, in seconds: `livedash process` over 5,000 sessions on the slower of the machines in
#: docs/benchmarks.md. Waiting for PostgreSQL is not in it; ``BUSY`` leaves time for that.
SECONDS_PER_SESSION = {
    "CSV_IMPORT": 0.077e-3,
    "TRANSCRIPT_FETCH": 1.16e-3,
    "SESSION_CREATION": 0.46e-3,
    "AI_ANALYSIS": 4.0e-3,
    "QUESTION_EXTRACTION": 0.65e-3,
}
#: Bytes of a session in all tables and indexes: measured for the sample's 109 sessions with six messages each (8.6 kB),
#: and a row of the cost ledger.
BYTES_PER_SESSION = 10_000
#: Tokens of a call: the instructions, the reply's schema and a conversation of 700 characters; a reply of the schema.
PROMPT_TOKENS, COMPLETION_TOKENS = 1_000, 400
#: Share of the time in which lanes are planned to be busy, so that a peak does not become a backlog.
BUSY = 0.6
#: Tasks of a Celery worker (AIRFLOW__CELERY__WORKER_CONCURRENCY in docker-compose.yaml), and cores that it uses.
TASKS_PER_WORKER, CORES_PER_WORKER = 8, 2
#: The most database connections of a lane and of the pages, by the sizes of their pools.
CONNECTIONS_PER_LANE, CONNECTIONS_OF_PAGES = 5, 8
DAYS_PER_MONTH = 30


@dataclass(frozen=True, slots=True)
class Workload:
    """What is to be processed. ``model_seconds``: how long a model call takes; ``hours_per_day``: the time for a day's
    sessions; ``concurrency``: model calls at once per lane.
    """

    sessions_per_month: int
    prompt_tokens: int = PROMPT_TOKENS
    completion_tokens: int = COMPLETION_TOKENS
    model_seconds: float = 2.0
    hours_per_day: float = 8.0
    concurrency: int = 16


@dataclass(frozen=True, slots=True)
class CapacityPlan:
    """What the workload needs. Costs are US dollars per month, None for a model without a price."""

    sessions_per_second: float
    lanes: int
    celery_workers: int
    livedash_connections: int
    database_gigabytes_per_month: float
    model_requests_per_minute: int
    model_tokens_per_minute: int
    realtime_usd: Decimal | None
    batch_usd: Decimal | None

    def facts(self) -> dict[str, Any]:
        """Return the plan's figures by name, for JSON."""
        return asdict(self)


def plan(workload: Workload, model: str, prices: PriceList, at: datetime) -> CapacityPlan:
    """Calculate what the workload needs, with ``model`` at the prices of the time ``at``."""
    per_second = workload.sessions_per_month / DAYS_PER_MONTH / (workload.hours_per_day * 3600)
    analysis = max(SECONDS_PER_SESSION["AI_ANALYSIS"], workload.model_seconds / workload.concurrency)
    # Stages run at the same time, so the busy seconds of a lane per session add up over the stages.
    lane_seconds = sum(SECONDS_PER_SESSION.values()) - SECONDS_PER_SESSION["AI_ANALYSIS"] + analysis
    lanes = max(2, ceil(per_second * lane_seconds / BUSY))
    cores = per_second * sum(SECONDS_PER_SESSION.values()) / BUSY
    tokens = workload.prompt_tokens + workload.completion_tokens
    usage = Usage(prompt_tokens=workload.prompt_tokens, completion_tokens=workload.completion_tokens)
    costs: list[Decimal | None] = []
    for mode in MODES:
        price = prices.find((model,), mode, None, at, workload.prompt_tokens)
        cost = cost_of(usage, price) if price is not None else None
        costs.append(None if cost is None else (cost * workload.sessions_per_month).quantize(Decimal("0.01")))
    realtime, batch = costs
    return CapacityPlan(
        sessions_per_second=round(per_second, 3),
        lanes=lanes,
        celery_workers=max(1, ceil(lanes / TASKS_PER_WORKER), ceil(cores / CORES_PER_WORKER)),
        livedash_connections=lanes * CONNECTIONS_PER_LANE + CONNECTIONS_OF_PAGES,
        database_gigabytes_per_month=round(workload.sessions_per_month * BYTES_PER_SESSION / 1e9, 2),
        model_requests_per_minute=ceil(per_second * 60),
        model_tokens_per_minute=ceil(per_second * 60 * tokens),
        realtime_usd=realtime,
        batch_usd=batch,
    )

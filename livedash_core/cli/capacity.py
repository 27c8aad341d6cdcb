"""`livedash plan`: what a number of sessions per month needs and costs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from livedash_core.cli.context import database
from livedash_core.cli.options import Json
from livedash_core.cli.output import print_json, print_table, say
from livedash_core.costs import PriceList, load_prices
from livedash_core.operations.capacity import COMPLETION_TOKENS, PROMPT_TOKENS, CapacityPlan, Workload
from livedash_core.operations.capacity import plan as calculate
from livedash_core.settings import Settings


def plan(
    sessions_per_month: Annotated[int, typer.Option(min=1, max=10**9, help="Sessions of all companies in a month.")],
    model: Annotated[str, typer.Option(help="Name of the model, as in requests.")],
    model_seconds: Annotated[float, typer.Option(min=0.01, max=3600, help="Seconds that a model call takes.")] = 2.0,
    hours_per_day: Annotated[float, typer.Option(min=0.1, max=24, help="Hours in which a day is processed.")] = 8.0,
    prompt_tokens: Annotated[int, typer.Option(min=1, max=10**6, help="Tokens of a prompt.")] = PROMPT_TOKENS,
    completion_tokens: Annotated[int, typer.Option(min=1, max=10**6, help="Tokens of a reply.")] = COMPLETION_TOKENS,
    as_json: Json = False,
) -> None:
    """Print workers, database size, connections and API costs, calculated from the figures of the benchmarks."""
    settings = Settings()
    workload = Workload(
        sessions_per_month,
        prompt_tokens,
        completion_tokens,
        model_seconds,
        hours_per_day,
        settings.analysis_concurrency,
    )
    found = calculate(workload, model, _prices(settings), datetime.now(UTC))
    if as_json:
        print_json(found.facts())
        return
    print_table(("needed", "figure"), _rows(found))
    if found.realtime_usd is None:
        say(f"The model {model!r} has no price; set one: livedash price set MODEL --input USD --output USD")
    say("Calculated from docs/benchmarks.md (2 shared cores); measure with your own data before you rely on it.")


def _rows(found: CapacityPlan) -> list[tuple[str, str]]:
    def dollars(amount: object) -> str:
        return "unknown" if amount is None else f"${amount:,}"

    return [
        ("sessions per second, while they are processed", f"{found.sessions_per_second:g}"),
        ("lanes in all (LIVEDASH_LANES per DAG run, at most 64)", f"{found.lanes:,}"),
        ("Celery workers, with 2 cores each", f"{found.celery_workers:,}"),
        ("database connections of LiveDash, at most", f"{found.livedash_connections:,}"),
        ("database growth per month, without retention", f"{found.database_gigabytes_per_month:,} GB"),
        ("model requests per minute", f"{found.model_requests_per_minute:,}"),
        ("model tokens per minute", f"{found.model_tokens_per_minute:,}"),
        ("model calls per month, realtime", dollars(found.realtime_usd)),
        ("model calls per month, batch", dollars(found.batch_usd)),
    ]


def _prices(settings: Settings) -> PriceList:
    """The prices of the configured database, which include those set by hand; without one, the catalogue's."""
    if settings.database_url is not None:
        with database(settings) as engine, engine.connect() as connection:
            return load_prices(connection)
    # Imported here, because the package takes half a second to import.
    from livedash_core.costs.price_catalogue import price_list

    return price_list()
